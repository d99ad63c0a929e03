interface Line {
  /** The last that runs alone. */
  alone: Promise<unknown>;
  /** What came after that and runs together. */
  readonly together: Set<Promise<unknown>>;
  unfinished: number;
}

/**
 * Runs work together or alone for each key, in the order it came: what is alone waits for all that
 * came before it, and all that comes after waits for it.
 */
export class SharedQueue {
  readonly #lines = new Map<string, Line>();

  together<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#run(key, (line) => {
      const result = line.alone.then(work);
      line.together.add(result);
      const forget = () => line.together.delete(result);
      result.then(forget, forget);
      return result;
    });
  }

  alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#run(key, (line) => {
      const before = Promise.allSettled([line.alone, ...line.together]);
      const result = before.then(work);
      line.alone = result.catch(() => undefined);
      line.together.clear();
      return result;
    });
  }

  #run<T>(key: string, begin: (line: Line) => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? {
      alone: Promise.resolve(),
      together: new Set(),
      unfinished: 0,
    };
    this.#lines.set(key, line);
    line.unfinished++;
    const result = begin(line);
    const finish = () => {
      if (--line.unfinished === 0) this.#lines.delete(key);
    };
    result.then(finish, finish);
    return result;
  }
}
