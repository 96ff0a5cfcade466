import { fingerprintOf, makePlan, type Plan } from "../plan/plan.ts";
import { hasIdentity } from "../source/inputs.ts";
import type { Source } from "../source/source.ts";

/**
 * Splits sources into the conversions that they take, one after the other. A directory, glob or prefix grows: when all
 * that differs from an unfinished run is that inputs came later, it is finished first, with its inputs in its order, and
 * the others are added afterwards. Else, and when an input of its has no identity, all sources are one conversion.
 * @param plan that of one conversion of all sources
 */
export function takeTurns(sources: Source[], plan: Plan, unfinished: Plan | null): Source[][] {
  if (sources.length === 0) return [];
  if (unfinished === null || !unfinished.inputs.every(hasIdentity)) return [sources];
  const named = new Map(sources.map((source) => [source.input.name, source]));
  const first = unfinished.inputs.flatMap(({ name }) => named.get(name) ?? []);
  const planOfFirst = makePlan(
    first.map(({ input }) => input),
    plan.options,
    plan.earlierRuns,
    plan.indexTags,
  );
  if (fingerprintOf(planOfFirst) !== fingerprintOf(unfinished)) return [sources];
  const left = new Set(sources).difference(new Set(first));
  return left.size === 0 ? [first] : [first, [...left]];
}
