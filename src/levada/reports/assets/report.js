"use strict";
(() => {
  const root = document.documentElement;
  const { sides, charts } = JSON.parse(document.getElementById("data").textContent);
  const all = selector => Array.from(document.querySelectorAll(selector));
  const percent = share => share > 0 && share < 0.001 ? "< 0.1 %" : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

  // -- light and dark; what was chosen is kept where the browser lets a page keep anything
  const themes = ["auto", "light", "dark"];
  const button = document.getElementById("theme");
  const kept = { get() { try { return localStorage.getItem("levada-theme"); } catch { return null; } },
                 set(value) { try { localStorage.setItem("levada-theme", value); } catch { /* a sandboxed frame */ } } };
  const choose = theme => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.lastElementChild.textContent = theme;
    drawn.forEach(chart => chart.redraw(false, true));
  };
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(button.lastElementChild.textContent) + 1) % themes.length];
    kept.set(next);
    choose(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(chart => chart.redraw(false, true)));

  // -- pictures, each drawn when it comes into sight
  const drawn = new Map();
  const colour = name => getComputedStyle(root).getPropertyValue(name).trim();
  const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
  const two = number => String(number).padStart(2, "0");
  const shown = {
    number: value => Math.abs(value) >= 1e6 || (value && Math.abs(value) < 1e-3) ? value.toExponential(2)
      : value.toLocaleString("en", { maximumSignificantDigits: 6 }),
    time: value => new Date(value * 1000).toISOString().slice(0, 16).replace("T", " ").replace(" 00:00", ""),
    clock: value => `${two(Math.floor(value / 3600))}:${two(Math.floor(value / 60) % 60)}`,
  };
  const short = value => Math.abs(value) >= 1e6 || (value && Math.abs(value) < 1e-3) ? value.toExponential(0)
    : Math.abs(value) >= 1e4 ? `${value / 1e3}k` : value.toLocaleString("en", { maximumSignificantDigits: 6 });

  const wholes = Array.from({ length: 48 }, (_, at) => [1, 2, 5][at % 3] * 10 ** Math.floor(at / 3));

  function draw(place) {
    const chart = charts[place.dataset.chart];
    const step = (chart.high - chart.low) / chart.bins;
    const edges = Array.from({ length: chart.bins + 1 }, (_, bin) => bin === chart.bins ? chart.high : chart.low + bin * step);
    const data = [edges, ...chart.shares.map(part => part ? [...part, part[part.length - 1]] : edges.map(() => null))];
    const readout = place.parentElement.querySelector(".readout");
    const line = () => colour("--line"), soft = () => colour("--soft");
    const font = "11px ui-sans-serif, system-ui, sans-serif";
    const axis = { stroke: soft, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 } };
    const xs = { ...axis, size: 26, grid: { show: false }, space: 56 };
    if (chart.axis === "number") xs.values = (_, values) => values.map(value => value === null ? "" : short(value));
    if (chart.whole) xs.incrs = wholes;
    if (chart.axis === "clock") xs.values = (_, values) => values.map(shown.clock);
    const options = {
      width: place.clientWidth, height: place.clientHeight || 112,
      padding: [6, 10, 0, 0],
      legend: { show: false },
      tzDate: seconds => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: chart.axis === "time", range: [chart.low, chart.high] },
                y: { range: (_, __, most) => [0, (most || 1) * 1.06] } },
      axes: [xs, { ...axis, size: 42, space: 28, values: (_, values) => values.map(value => `${+(value * 100).toPrecision(3)} %`) }],
      series: [{}, ...chart.shares.map((_, side) => ({
        label: sides[side] || "", width: 1.5, dash: dashes[side % 4], points: { show: false },
        stroke: () => colour(`--s${side % 4}`), fill: () => `${colour(`--s${side % 4}`)}38`,
        paths: uPlot.paths.stepped({ align: 1 }),
      }))],
      hooks: { setCursor: [plot => {
        if (!readout) return;
        const at = plot.cursor.left < 0 ? -1 : Math.min(Math.floor((plot.posToVal(plot.cursor.left, "x") - chart.low) / step), chart.bins - 1);
        if (at < 0) { readout.textContent = ""; return; }
        const parts = chart.shares.map((part, side) => part ? `${chart.shares.length > 1 ? `${sides[side]} ` : ""}${percent(part[at])}` : "");
        const say = shown[chart.axis];
        const [from, to] = chart.whole ? [Math.ceil(edges[at]), Math.floor(edges[at + 1])] : [edges[at], edges[at + 1]];
        readout.textContent = `${say(from)}${from === to ? "" : ` to ${say(to)}`}: ${parts.filter(Boolean).join(", ")}`;
      }] },
    };
    drawn.set(place, new uPlot(options, data, place));
  }
  const sight = new IntersectionObserver(seen => seen.forEach(entry => {
    if (entry.isIntersecting && !drawn.has(entry.target) && entry.target.clientWidth) draw(entry.target);
  }), { rootMargin: "300px" });
  const sizes = new ResizeObserver(changed => changed.forEach(({ target }) => {
    const chart = drawn.get(target);
    if (chart && target.clientWidth && target.clientWidth !== chart.width) chart.setSize({ width: target.clientWidth, height: chart.height });
  }));
  all(".plot").forEach(place => { sight.observe(place); sizes.observe(place); });
  addEventListener("beforeprint", () => all(".plot").forEach(place => { if (!drawn.has(place) && place.clientWidth) draw(place); }));
  choose(themes.includes(kept.get()) ? kept.get() : "auto");

  // -- searching, sorting, going to a column
  const list = document.getElementById("cards");
  if (!list) return;
  const cards = Array.from(list.children);
  const said = new Map(cards.map((card, place) => [card, {
    place, name: card.querySelector("h3").textContent,
    text: [card.querySelector(".name").textContent, card.dataset.kind, ...Array.from(card.querySelectorAll(".name li"), item => item.title)].join(" ").toLowerCase(),
  }]));
  const search = document.getElementById("search"), sort = document.getElementById("sort"), only = document.getElementById("only");
  const order = {
    order: (a, b) => said.get(a).place - said.get(b).place,
    name: (a, b) => said.get(a).name.localeCompare(said.get(b).name),
    missing: (a, b) => b.dataset.missing - a.dataset.missing,
    distinct: (a, b) => b.dataset.distinct - a.dataset.distinct,
    remarks: (a, b) => b.dataset.remarks - a.dataset.remarks,
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const card of cards) {
      const fits = words.every(word => said.get(card).text.includes(word)) && (!only.checked || card.dataset.remarks > 0);
      card.hidden = !fits;
      count += fits;
    }
    document.getElementById("count").textContent = count === cards.length ? `${count} columns` : `${count} of ${cards.length} columns`;
    document.getElementById("none").hidden = count > 0;
  };
  search.addEventListener("input", filter);
  only.addEventListener("change", filter);
  search.form.addEventListener("submit", event => event.preventDefault());
  sort.addEventListener("change", () => list.append(...cards.sort((a, b) => order[sort.value](a, b) || order.order(a, b))));
  document.addEventListener("click", event => {
    const link = event.target.closest("a.jump");
    if (!link) return;
    event.preventDefault();
    const card = document.getElementById(link.getAttribute("href").slice(1));
    if (card.hidden) { search.value = ""; only.checked = false; filter(); }
    card.scrollIntoView({ block: "start" });
    card.focus({ preventScroll: true });
  });
  if (search.value || only.checked) filter();
})();
