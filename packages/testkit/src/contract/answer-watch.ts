import { keepAnswerCounts } from './answer-counts.ts';
import { judgeAnswer } from './judge-answer.ts';
import type { ApiAnswer } from './judge-answer.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A directory for the counts of each test file. */
    answerCounts: string;
  }
}

/** Collects what is wrong with the answers that tests get, whoever asked for them. */
export class AnswerWatch {
  readonly #problems: string[] = [];
  readonly #counts: Record<string, number> = {};

  note(answer: ApiAnswer): void {
    const { operationId, problems } = judgeAnswer(answer);
    const name = operationId ?? 'addresses that the contract does not have';
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
    const call = `${answer.method} ${answer.path} answered ${answer.status}`;
    this.#problems.push(...problems.map((problem) => `${call}: ${problem}`));
  }

  /** Throws when an answer since the last call broke the contract. */
  failOnProblems(): void {
    const found = this.#problems.splice(0);
    if (found.length > 0) throw new Error(`answers break the contract:\n${found.join('\n')}`);
  }

  /** Adds to the counts of the run; see {@link keepAnswerCounts}. */
  keepCounts(directory: string | undefined): void {
    keepAnswerCounts(directory, this.#counts);
  }
}
