import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** An answer whose lists are put together while they are sent. */
export type InPieces<T> = {
  readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Iterable<Item> : T[Key];
};

/** Characters: as many as a socket takes at a time. */
const PIECE = 64 * 1024;

/**
 * Answers with an object whose lists may be long. As one text an answer of megabytes takes several
 * times as much memory, all of it fresh, and its reader has nothing to do until the last of it is
 * there; in pieces the same little memory is used again and again, and no faster than the reader reads.
 */
export function sendInPieces<T extends object>(
  reply: FastifyReply,
  body: InPieces<T>,
): FastifyReply {
  reply.type('application/json; charset=utf-8');
  const pieces = piecesOf(body);
  const [first, second] = [pieces.next(), pieces.next()];
  if (second.done) return reply.send(first.value);
  return reply.send(Readable.from(inOrder([first.value, second.value], pieces)));
}

/** The items of a list as they are shown, each made when it is asked for. */
export function* mapped<T, Shown>(
  items: Iterable<T>,
  show: (item: T) => Shown,
): Generator<Shown, undefined> {
  for (const item of items) yield show(item);
}

function* inOrder<T>(begin: Iterable<T>, rest: Iterable<T>): Generator<T> {
  yield* begin;
  yield* rest;
}

function* piecesOf(body: object): Generator<string, undefined> {
  let text = '';
  let before = '{';
  for (const [name, value] of Object.entries(body) as [string, unknown][]) {
    if (value === undefined) continue;
    text += `${before}${JSON.stringify(name)}:`;
    before = ',';
    for (const part of isList(value) ? partsOf(value) : [JSON.stringify(value)]) {
      text += part;
      if (text.length < PIECE) continue;
      yield text;
      text = '';
    }
  }
  yield `${text}}`;
}

function* partsOf(list: Iterable<unknown>): Generator<string> {
  let before = '[';
  for (const item of list) {
    yield before + JSON.stringify(item);
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}

function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}
