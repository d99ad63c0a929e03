/** A promise that whoever made it resolves; `Promise.withResolvers` is not there before Node 22. */
export function promiseWithRelease() {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { held, release };
}
