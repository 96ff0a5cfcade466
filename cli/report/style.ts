/** The style sheet of the report: light and dark, from phones to paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f5f9; --panel: #ffffff; --ink: #1d1a27; --soft: #5b5768; --line: #e2dfea;
  --main: #6d3fd4; --second: #0d8a7c; --third: #b9770e; --alert: #c2330c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121117; --panel: #1b1a22; --ink: #ecebf2; --soft: #a9a5b8; --line: #302e3b;
    --main: #a78bfa; --second: #4fd1c0; --third: #f2b84b; --alert: #ff8a65;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; letter-spacing: -.01em; }
h2 { font-size: 1.1rem; margin: 0 0 12px; }
h3 { font-size: .95rem; margin: 20px 0 6px; }
p { margin: 6px 0; }
.soft, figcaption, th { color: var(--soft); }
.eyebrow { color: var(--main); font-weight: 600; margin: 0 0 4px; }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 20px; margin-top: 16px; }
.figures { padding: 0; overflow: hidden; }
.figures dl { display: flex; flex-wrap: wrap; gap: 1px; margin: 0; background: var(--line); }
.figures div { flex: 1 1 190px; background: var(--panel); padding: 14px 18px; }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 2px 0 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -.01em; overflow-wrap: anywhere; }
.figures small { display: block; font-size: .8rem; font-weight: 400; letter-spacing: 0; color: var(--soft); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 0 16px; align-items: start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 500; font-size: .85rem; text-align: left; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td:last-child, th:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
.t { white-space: nowrap; }
.id { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
.any { overflow-wrap: anywhere; min-width: 9em; }
td.bar { width: 26%; min-width: 48px; vertical-align: middle; }
td.bar div { height: 9px; min-width: 2px; border-radius: 2px; background: var(--main); }
.chart { margin: 0; }
.chart + .chart { margin-top: 24px; }
.plot { display: grid; grid-template-columns: 52px 1fr; margin-top: 14px; }
.plot svg { width: 100%; height: 200px; display: block; overflow: visible; }
.y { position: relative; font-size: 12px; color: var(--soft); }
.y span { position: absolute; right: 8px; transform: translateY(-50%); white-space: nowrap; }
.x { grid-column: 2; position: relative; height: 22px; margin-top: 9px; font-size: 12px; color: var(--soft); }
.x span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.x .first { transform: none; } .x .last { transform: translateX(-100%); }
.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.mark { stroke: var(--alert); stroke-width: 2; stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
rect.main { fill: var(--main); } rect.second { fill: var(--second); } rect.third { fill: var(--third); }
rect { shape-rendering: crispEdges; }
rect:hover { opacity: .65; }
.legend { font-size: .85rem; color: var(--soft); padding-left: 52px; }
.legend span { white-space: nowrap; margin-right: 14px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
i.main { background: var(--main); } i.second { background: var(--second); } i.third { background: var(--third); }
i.mark { background: none; stroke: none; border-left: 2px dashed var(--alert); border-radius: 0; width: 2px; }
summary { cursor: pointer; color: var(--main); }
details[open] summary { margin-bottom: 10px; }
.alert { color: var(--alert); }
footer { margin-top: 24px; font-size: .85rem; color: var(--soft); }
@media (max-width: 620px) {
  body { font-size: 14px; }
  main { padding: 20px 12px 40px; }
  section { padding: 16px 14px; }
  .figures { padding: 0; }
  .figures div { flex-basis: 130px; padding: 12px 14px; }
  .plot { grid-template-columns: 44px 1fr; }
  .plot svg { height: 150px; }
  .legend { padding-left: 44px; }
  .minor { display: none; }
  td.bar { width: 18%; min-width: 32px; }
}
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --panel: #fff; --ink: #000; --soft: #444; --line: #ccc;
    --main: #6d3fd4; --second: #0d8a7c; --third: #b9770e; --alert: #c2330c;
  }
  * { print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { break-inside: avoid; border-radius: 0; }
  section.long { break-inside: auto; }
  details:not([open]) { display: none; }
}
`;
