type Completions = (done: (error: Error | null, words: string[] | undefined) => void) => unknown;

/** What the shell offers: where no option is begun, a file is more likely wanted than one of many options. */
export function completeWords(
  current: string,
  _args: unknown,
  complete: Completions,
  done: (words: string[]) => unknown,
): void {
  complete((_error, words = []) => {
    done(words.filter((word) => current.startsWith("-") || !word.startsWith("-")));
  });
}
