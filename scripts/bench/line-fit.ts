/** The straight line through points, by least squares. */
export interface LineFit {
  slope: number;
  /** Of y where x is 0. */
  start: number;
  /** Share of the variation of y that the line explains. */
  r2: number;
  /** Of a point from the line, as a share of the line there. */
  largestDeviation: number;
}

export function fitLine(points: { x: number; y: number }[]): LineFit {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(({ x }) => x));
  const meanY = mean(points.map(({ y }) => y));
  const slope =
    mean(points.map(({ x, y }) => (x - meanX) * (y - meanY))) / mean(points.map(({ x }) => (x - meanX) ** 2));
  const start = meanY - slope * meanX;
  const lineAt = (x: number) => start + slope * x;
  const unexplained = mean(points.map(({ x, y }) => (y - lineAt(x)) ** 2));
  return {
    slope,
    start,
    r2: 1 - unexplained / mean(points.map(({ y }) => (y - meanY) ** 2)),
    largestDeviation: Math.max(...points.map(({ x, y }) => Math.abs(y / lineAt(x) - 1))),
  };
}
