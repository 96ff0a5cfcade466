/** What a problem is about: the bytes or events of a data file, or what the manifest or the index says of it. */
export type Subject = "file" | "manifest" | "index";

/** Something in an archive that is not as it must be. */
export interface Problem {
  /** The name of the file that is wrong. */
  file: string;
  subject: Subject;
  text: string;
}

/** Problems that are told of one file; more of them are only counted. */
export const TOLD_PER_FILE = 20;

/** What a check found. Plain data, so that it can come from a thread. */
export interface Findings {
  problems: Problem[];
  /** By file name, the problems that are not among `problems`. */
  more: Record<string, number>;
  /** What is good to know and no damage. */
  notes: string[];
}

/** Gathers problems, of each file at most {@link TOLD_PER_FILE}. */
export interface FindingsWriter extends Findings {
  add(file: string, subject: Subject, text: string): void;
  /** Takes over what another check found. @returns the problems that are told */
  merge(findings: Findings): Problem[];
  has(subject: Subject): boolean;
}

export function createFindings(): FindingsWriter {
  const problems: Problem[] = [];
  const more: Record<string, number> = {};
  const notes: string[] = [];
  const told = new Map<string, number>();
  const subjects = new Set<Subject>();

  const put = (problem: Problem): boolean => {
    const { file } = problem;
    subjects.add(problem.subject);
    const count = told.get(file) ?? 0;
    if (count >= TOLD_PER_FILE) {
      more[file] = (more[file] ?? 0) + 1;
      return false;
    }
    told.set(file, count + 1);
    problems.push(problem);
    return true;
  };
  return {
    problems,
    more,
    notes,
    add: (file, subject, text) => {
      put({ file, subject, text });
    },
    merge: (findings) => {
      for (const [file, count] of Object.entries(findings.more)) more[file] = (more[file] ?? 0) + count;
      notes.push(...findings.notes);
      return findings.problems.filter(put);
    },
    has: (subject) => subjects.has(subject),
  };
}
