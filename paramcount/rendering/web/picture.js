// The picture of a model: an icicle that zooms, in the model's order, in which what trains is never too small to see.
"use strict";
Paramcount.Picture = (() => {
  const {html, useLayoutEffect, useMemo, useRef, useState, number, share} = Paramcount;

  const LINE = 18; // pixels: no box is lower
  const MAX_HEIGHT = 440;
  const BOX_HEIGHT = 40; // of a box in the fullest column
  const MAX_LEVELS = 6;
  const MIN_COLUMN = 150; // pixels
  const LETTER = 7;
  const MIN_TRAINABLE = 4; // pixels
  const COLORS = 10; // classes color-0 to color-9 of the style sheet

  const sum = (items, name) => items.reduce((total, item) => total + item[name], 0);

  /** One drawn box: a node, with the nodes that it holds alone; or a run of small ones. */
  function makeBox(node) {
    const names = [label(node)];
    while (node.children.length === 1) {
      [node] = node.children;
      names.push(label(node));
    }
    const name = names.length < 4 ? names.join(" › ") : `${names[0]} › … › ${names.at(-1)}`;
    return {nodes: [node], name, total: node.total, trainable: node.trainable};
  }

  function label(node) {
    return node.row.repeat > 1 ? `${node.name} ×${number(node.row.repeat)}` : node.name;
  }

  function merge(boxes) {
    if (boxes.length === 1) return boxes[0];
    return {
      nodes: boxes.flatMap((box) => box.nodes),
      name: `${number(boxes.length)} layers: ${boxes[0].name} … ${boxes.at(-1).name}`,
      total: sum(boxes, "total"),
      trainable: sum(boxes, "trainable"),
    };
  }

  const holdsOthers = (box) => box.nodes.length === 1 && box.nodes[0].children.length > 0;

  /** The boxes in order: those of `limit` elements alone, smaller ones in runs of so many. */
  function mergeSmall(boxes, limit, least, separate) {
    const groups = [];
    let run = [];
    let total = 0;
    const flush = () => {
      if (run.length) groups.push(merge(run));
      run = [];
      total = 0;
    };
    for (const box of boxes) {
      const differs = separate && run.length && run.at(-1).trainable > 0 !== box.trainable > 0;
      if (differs || (box.total >= limit && (total >= least || holdsOthers(box)))) flush();
      run.push(box);
      total += box.total;
      if (total >= limit) flush();
    }
    flush();
    return groups;
  }

  /** Small boxes in runs, so that all have a line and most of the height is by size; what trains stays apart if it can. */
  function group(boxes, height) {
    const total = sum(boxes, "total");
    const perPixel = total / height;
    const mostlyFrozen = 2 * sum(boxes, "trainable") < total;
    for (const separate of [true, false]) {
      let least = 0;
      for (let limit = LINE * perPixel; limit < 2 * total; limit *= least ? 2 : 1, least = (LINE * perPixel) / 2) {
        const groups = mergeSmall(boxes, limit, least, separate);
        const charged = groups.filter((box) => !(separate && mostlyFrozen && box.trainable));
        const added = charged.reduce((all, box) => all + Math.max(0, LINE - box.total / perPixel), 0);
        if (groups.length * LINE <= height && added <= Math.max(2 * LINE, 0.15 * height)) return groups;
      }
    }
    return boxes.length ? [merge(boxes)] : [];
  }

  /** The heights of boxes in a column: shares of it, and at least a line. */
  function fitHeights(boxes, height) {
    const heights = new Map();
    let open = boxes;
    for (;;) {
      const free = height - heights.size * LINE;
      const total = sum(open, "total");
      const low = open.filter((box) => box.total * free < LINE * total);
      if (!low.length || low.length === open.length) {
        for (const box of open) heights.set(box, low.length ? free / open.length : (box.total * free) / total);
        return heights;
      }
      for (const box of low) heights.set(box, LINE);
      open = open.filter((box) => !heights.has(box));
    }
  }

  /** Every box that is drawn, with its place, the boxes inside it and the one that holds it. */
  function layOut(root, width) {
    let depth = 0;
    let most = 1; // boxes in a column
    for (let nodes = [root]; nodes.length && depth <= MAX_LEVELS; depth += 1) {
      most = Math.max(most, nodes.length);
      nodes = nodes.flatMap((node) => node.children.filter((child) => child.total));
    }
    depth -= 1;
    const frame = Math.min(MAX_HEIGHT, Math.max(BOX_HEIGHT * most, 2 * LINE * depth));
    const levels = Math.max(1, Math.min(depth, MAX_LEVELS, Math.floor(width / MIN_COLUMN)));
    const column = width / levels;
    const placed = [];
    const place = (nodes, level, top, height, outer) => {
      const boxes = group(nodes.filter((node) => node.total).map(makeBox), height);
      const heights = fitHeights(boxes, height);
      let y = top;
      return boxes.map((box) => {
        const item = {box, level, x: level * column, y, height: heights.get(box), outer, inner: []};
        placed.push(item);
        const [node] = box.nodes;
        const hasRoom = level + 1 < levels && box.nodes.length === 1 && item.height >= 2 * LINE;
        if (hasRoom && group(node.children.filter((child) => child.total).map(makeBox), item.height).length > 1) {
          item.inner = place(node.children, level + 1, y, item.height, item);
        }
        item.width = item.inner.length ? column : width - item.x;
        y += item.height;
        return item;
      });
    };
    const first = place(root.children, 0, 0, frame, null);
    placed.forEach((item, index) => (item.index = index));
    return {placed, first, height: frame};
  }

  const BITS = new Map([["F64", 8], ["F32", 4], ["F16", 2], ["BF16", 2], ["I64", 8], ["I32", 4], ["I16", 2], ["I8", 1], ["U8", 1]]);

  /** The kinds by which boxes are coloured: a function from a box to its kind, and all kinds, the largest first. */
  function makeKinds(tree, report, colorBy) {
    const dtypes = Object.keys(report.by_dtype);
    const size = (bytes, total) => {
      const each = bytes / total;
      const known = dtypes.filter((dtype) => BITS.get(dtype) === each);
      return known.length ? known.join(" or ") : Number.isInteger(each) ? `${each} bytes` : "mixed or packed";
    };
    const kindOf = colorBy === "type" ? (node) => node.type || "(no type)" : (node) => size(node.bytes, node.total);
    const totals = new Map();
    for (const node of tree.nodes) {
      if (node.children.length || !node.total) continue;
      totals.set(kindOf(node), (totals.get(kindOf(node)) ?? 0) + node.total);
    }
    const names = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a));
    const ofBox = ({nodes}) => {
      const kinds = new Set(nodes.map((node) => (node.children.length && colorBy === "type" ? "" : kindOf(node))));
      return kinds.size === 1 ? names.indexOf([...kinds][0]) : -1;
    };
    return {names, ofBox};
  }

  const colorClass = (kind) => (kind >= 0 && kind < COLORS ? `color-${kind}` : "color-none");

  function Box({item, whole, kind, byTrains, active, marked, onPick, hatch, id}) {
    const {box, x, y, width, height} = item;
    const all = box.trainable === box.total;
    let split = width * (box.trainable / box.total);
    if (box.trainable && !all) split = Math.min(Math.max(split, MIN_TRAINABLE), width - MIN_TRAINABLE);
    const percent = share(box.total, whole.total);
    const trains = box.trainable === 0 ? "frozen" : all ? "trains" : `${share(box.trainable, box.total)} of it trains`;
    const letters = Math.floor((width - 14) / LETTER);
    const figures = [`${number(box.total)} · ${percent}`, percent].find((text) => letters >= text.length + 10) ?? "";
    const room = letters - (figures ? figures.length + 2 : 0);
    const name = box.name.length <= room ? box.name : `${box.name.slice(0, Math.ceil(room / 2) - 1)}…${box.name.slice(-Math.floor(room / 2))}`;
    const left = x + (split && !all && split < 14 ? split : 0) + 5;
    const baseline = y + Math.min(height / 2 + 4, 18);
    const nameWidth = name.length * LETTER;
    const onHatch = byTrains && !all; // letters on hatching have a plate behind them
    return html`<g id=${id} role="treeitem" class=${`box${active ? " active" : ""}${marked ? " marked" : ""}`}
        aria-level=${item.level + 1} aria-selected=${active}
        onClick=${() => onPick(item)}>
      <title>${`${box.name}: ${number(box.total)} parameters, ${percent}, ${trains}`}</title>
      ${byTrains
        ? html`${split > 0 && html`<rect class="trains" x=${x} y=${y} width=${split} height=${height} />`}
            ${!all && html`<rect fill=${hatch} x=${x + split} y=${y} width=${width - split} height=${height} />`}`
        : html`<rect class=${colorClass(kind)} x=${x} y=${y} width=${width} height=${height} />`}
      ${onHatch && room > 2 && left + nameWidth > x + split && html`<rect class="plate" x=${left - 2} y=${baseline - 12} width=${nameWidth + 4} height="16" rx="2" />`}
      ${onHatch && figures && width - split > 2 * LETTER && html`<rect class="plate" x=${x + width - figures.length * LETTER - 8} y=${baseline - 12} width=${figures.length * LETTER + 6} height="16" rx="2" />`}
      ${room > 2 && html`<text aria-hidden="true" x=${left} y=${baseline}>${name}</text>`}
      ${figures && html`<text aria-hidden="true" class="count" x=${x + width - 5} y=${baseline}>${figures}</text>`}
      <rect class="edge" x=${x} y=${y} width=${width} height=${height} />
    </g>`;
  }

  let pictures = 0;

  /** `selected`: a node, shared with the table; `marked`: paths to outline. */
  function Picture({report, tree, selected, onSelect, marked, title}) {
    const frame = useRef(null);
    const [id] = useState(() => `picture-${(pictures += 1)}`);
    const [width, setWidth] = useState(800);
    const [zoom, setZoom] = useState("");
    const [active, setActive] = useState(0);
    const [colorBy, setColorBy] = useState("trains");
    useLayoutEffect(() => {
      const observer = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.floor(entry.contentRect.width))));
      observer.observe(frame.current);
      return () => observer.disconnect();
    }, []);
    const whole = zoom ? tree.byPath.get(zoom) ?? tree.root : tree.root;
    const {placed, first, height} = useMemo(() => layOut(whole, width), [whole, width]);
    const kinds = useMemo(() => colorBy !== "trains" && makeKinds(tree, report, colorBy), [tree, report, colorBy]);
    const current = placed[Math.min(active, placed.length - 1)];
    const holdsMarked = useMemo(() => marked && makeMarks(tree, marked), [tree, marked]);
    const zoomTo = (node) => {
      setZoom(node.path);
      setActive(0);
    };
    const pick = (item, open) => {
      setActive(item.index);
      const [node] = item.box.nodes;
      if (item.box.nodes.length === 1) onSelect?.(node);
      if (open && item.box.nodes.length === 1 && node.children.length) zoomTo(node);
    };
    const zoomOut = () => whole.parent && zoomTo(firstWithOthers(whole.parent));
    const onKeyDown = (event) => {
      const siblings = current?.outer?.inner ?? first;
      const at = siblings.indexOf(current);
      const steps = {
        ArrowDown: siblings[at + 1], ArrowUp: siblings[at - 1], ArrowRight: current?.inner[0], ArrowLeft: current?.outer,
        Home: first[0], End: first.at(-1),
      };
      if (event.key in steps) {
        if (steps[event.key]) pick(steps[event.key]);
      } else if (event.key === "Enter" && current) pick(current, true);
      else if (event.key === "Escape" || event.key === "Backspace") zoomOut();
      else return;
      event.preventDefault();
    };
    const path = [];
    for (let node = whole; node; node = node.parent) path.unshift(node);
    return html`<figure class="picture">
      <figcaption>
        <nav aria-label=${`${title}: zoomed to`}>${path.map((node, index) => html`${index > 0 && " › "}<button type="button" class="link"
          disabled=${node === whole} onClick=${() => zoomTo(node)}>${node.name || "model"}</button>`)}</nav>
        <label>Colour <select value=${colorBy} onChange=${(event) => setColorBy(event.target.value)}>
          <option value="trains">what trains</option><option value="type">type</option><option value="dtype">dtype</option></select></label>
      </figcaption>
      <${Legend} kinds=${kinds} id=${id} />
      <div ref=${frame} class="frame">
        <svg viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height} role="tree" tabindex="0"
            aria-label=${`${title}: where the parameters sit. Arrow keys move, Enter zooms in, Escape zooms out.`}
            aria-activedescendant=${current ? `${id}-${current.index}` : null} onKeyDown=${onKeyDown}
            onDblClick=${() => current && pick(current, true)}>
          <defs><pattern id=${`${id}-hatch`} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect class="frozen" width="7" height="7" /><line class="line" y2="7" /></pattern></defs>
          ${placed.map((item) => html`<${Box} key=${item.index} id=${`${id}-${item.index}`} item=${item} whole=${tree.root}
            byTrains=${!kinds} kind=${kinds && kinds.ofBox(item.box)} hatch=${`url(#${id}-hatch)`} onPick=${pick}
            active=${selected ? item.box.nodes.includes(selected) : item === current}
            marked=${holdsMarked && item.box.nodes.some((node) => holdsMarked.has(node))} />`)}
        </svg>
      </div>
    </figure>`;
  }

  function firstWithOthers(node) {
    while (node.parent && node.parent.children.length === 1) node = node.parent;
    return node;
  }

  /** The nodes that a path of `marked` names, and those without others inside that one of them holds. */
  function makeMarks(tree, marked) {
    const marks = new Set();
    for (const path of marked) {
      const node = tree.byPath.get(path);
      if (node) for (const inner of [node, ...tree.nodes.slice(node.index + 1, node.end)]) marks.add(inner);
    }
    return marks;
  }

  function Legend({kinds, id}) {
    if (!kinds) {
      return html`<ul class="legend"><li><svg width="14" height="12" aria-hidden="true"><rect class="trains" width="14" height="12" /></svg> trains</li>
        <li><svg width="14" height="12" aria-hidden="true"><rect fill=${`url(#${id}-hatch)`} width="14" height="12" /></svg> frozen</li></ul>`;
    }
    const others = kinds.names.length > COLORS ? ["other, or several"] : ["several"];
    return html`<ul class="legend">${[...kinds.names.slice(0, COLORS), ...others].map((name, kind) => html`<li><svg width="14" height="12" aria-hidden="true">
      <rect class=${name === others[0] ? "color-none" : colorClass(kind)} width="14" height="12" /></svg> ${name}</li>`)}</ul>`;
  }

  return Picture;
})();
