// The layers as a tree that folds, sorts and searches. Only the rows in sight are in the document.
"use strict";
Paramcount.Table = (() => {
  const {html, useEffect, useLayoutEffect, useMemo, useRef, useState, number, share, shape} = Paramcount;

  const ROW = 30; // pixels, as in the style sheet
  const BEYOND = 16; // rows drawn above and below those in sight
  const STEP = 4; // rows to scroll before others are drawn: a few at a time, so that no frame is late
  const OPEN_ROWS = 200; // a tree of up to so many rows begins unfolded

  const COLUMNS = [
    {name: "layer", title: "Layer", sort: (a, b) => a.path.localeCompare(b.path, "en", {numeric: true})},
    {name: "type", title: "Type", sort: (a, b) => a.type.localeCompare(b.type)},
    {name: "shape", title: "Output shape"},
    {name: "total", title: "Parameters", sort: (a, b) => b.total - a.total, down: true},
    {name: "share", title: "Share"},
    {name: "trainable", title: "Trainable", sort: (a, b) => b.trainable - a.trainable, down: true},
  ];

  function firstOpen(tree) {
    const inner = tree.nodes.filter((node) => node.children.length);
    if (tree.nodes.length <= OPEN_ROWS) return new Set(inner.map((node) => node.path));
    const open = new Set();
    for (let node = tree.root; node.children.length === 1; [node] = node.children) open.add(node.children[0].path);
    return open;
  }

  /** The nodes to list: those in unfolded ones, or those that a search finds with all that hold them. */
  function listRows(tree, open, order, query) {
    const rows = [];
    const compare = COLUMNS.find(({name}) => name === order.column)?.sort;
    let wanted = null;
    if (query) {
      wanted = new Set();
      for (const node of tree.nodes) {
        if (!`${node.path} ${node.type}`.toLowerCase().includes(query)) continue;
        for (let each = node; each && !wanted.has(each); each = each.parent) wanted.add(each);
      }
    }
    const visit = (node) => {
      let children = wanted ? node.children.filter((child) => wanted.has(child)) : node.children;
      if (compare) children = [...children].sort((a, b) => (order.reverse ? -1 : 1) * compare(a, b));
      for (const child of children) {
        rows.push(child);
        if (child.children.length && (wanted || open.has(child.path))) visit(child);
      }
    };
    visit(tree.root);
    return rows;
  }

  function Row({id, node, at, active, isOpen, whole, canTrain, act}) {
    const style = {transform: `translateY(${at * ROW}px)`};
    const frozen = node.trainable === 0 && node.total > 0;
    const train = canTrain && node.total > 0;
    return html`<div id=${id} role="row" class=${`row${active ? " active" : ""}`} style=${style} aria-level=${node.level + 1}
        aria-rowindex=${at + 2} aria-selected=${active} aria-expanded=${node.children.length ? isOpen : null} onClick=${() => act.current.go(at)}>
      <span role="gridcell" class="layer" style=${{paddingLeft: `${Math.min(node.level, 20) * 14}px`}} title=${node.path}>
        <span class=${node.children.length ? "fold" : "fold none"} onClick=${(event) => { event.stopPropagation(); act.current.go(at); act.current.toggle(node); }}
          aria-hidden="true">${node.children.length ? (isOpen ? "▾" : "▸") : ""}</span>
        <span class="name">${node.name}</span>${node.row.repeat > 1 && html`<span class="copies">×${number(node.row.repeat)}</span>`}</span>
      <span role="gridcell" class="type" title=${node.type}>${node.type}</span>
      <span role="gridcell" class="shape" title=${shape(node.row.output_shape)}>${shape(node.row.output_shape)}</span>
      <span role="gridcell" class="total">${number(node.total)}</span>
      <span role="gridcell" class="share">${share(node.total, whole.total)}</span>
      <span role="gridcell" class=${`trainable${frozen ? " none" : ""}`}>${number(node.trainable)}${train && html`<button type="button" tabindex="-1"
        aria-label=${`${frozen ? "Train" : "Freeze"} ${node.path}`} onClick=${(event) => { event.stopPropagation(); act.current.onTrain(node, frozen); }}>${frozen ? "train" : "freeze"}</button>`}</span>
    </div>`;
  }

  let tables = 0;

  function Table({tree, selected, onSelect, onTrain, title}) {
    const scroller = useRef(null);
    const [id] = useState(() => `table-${(tables += 1)}`);
    const [open, setOpen] = useState(() => firstOpen(tree));
    const [order, setOrder] = useState({column: "", reverse: false});
    const [search, setSearch] = useState("");
    const [active, setActive] = useState(0);
    const [view, setView] = useState({top: 0, height: 480});
    const query = search.trim().toLowerCase();
    const rows = useMemo(() => listRows(tree, open, order, query), [tree, open, order, query]);
    const at = Math.min(active, rows.length - 1);

    useLayoutEffect(() => {
      const element = scroller.current;
      const measure = () => setView((old) => {
        const now = {top: element.scrollTop, height: element.clientHeight};
        const isDrawn = Math.abs(now.top - old.top) < STEP * ROW && now.height === old.height;
        return isDrawn ? old : now;
      });
      const observer = new ResizeObserver(measure);
      observer.observe(element);
      element.addEventListener("scroll", measure, {passive: true});
      return () => {
        observer.disconnect();
        element.removeEventListener("scroll", measure);
      };
    }, []);

    const reveal = (index) => {
      const element = scroller.current;
      const top = index * ROW;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + 3 * ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + 3 * ROW - element.clientHeight;
    };
    const go = (index) => {
      const next = Math.max(0, Math.min(rows.length - 1, index));
      setActive(next);
      reveal(next);
      if (rows[next]) onSelect(rows[next]);
    };
    // What is selected in the picture is unfolded and shown here.
    useEffect(() => {
      if (!selected || selected === rows[at]) return;
      const outer = [];
      for (let node = selected.parent; node?.parent; node = node.parent) if (!open.has(node.path)) outer.push(node.path);
      if (outer.length) return setOpen(new Set([...open, ...outer]));
      const index = rows.indexOf(selected);
      if (index >= 0) {
        setActive(index);
        reveal(index);
      }
    }, [selected, rows]);

    const toggle = (node, to = !open.has(node.path)) => {
      const next = new Set(open);
      if (to) next.add(node.path);
      else next.delete(node.path);
      setOpen(next);
    };
    const onKeyDown = (event) => {
      const node = rows[at];
      const page = Math.max(1, Math.floor(view.height / ROW) - 2);
      const moves = {ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1};
      if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey || !node) return;
      if (event.key in moves) go(moves[event.key]);
      else if (event.key === "ArrowRight") node.children.length && !open.has(node.path) ? toggle(node, true) : go(at + 1);
      else if (event.key === "ArrowLeft") {
        if (node.children.length && open.has(node.path)) toggle(node, false);
        else if (rows.includes(node.parent)) go(rows.indexOf(node.parent));
      } else if (event.key === "Enter" || event.key === " ") onSelect(node);
      else if (event.key === "f" && onTrain && node.total) onTrain(node, false);
      else if (event.key === "t" && onTrain && node.total) onTrain(node, true);
      else return;
      event.preventDefault();
    };
    const sortBy = ({name, sort}) => {
      if (!sort) return;
      if (order.column !== name) setOrder({column: name, reverse: false});
      else setOrder(order.reverse ? {column: "", reverse: false} : {column: name, reverse: true});
    };
    const first = Math.max(0, Math.floor(view.top / ROW) - BEYOND);
    const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + BEYOND);
    const act = useRef(null); // the same for all rows, so that a row is drawn again only if it changes
    act.current = {go, toggle, onTrain};
    const drawn = useRef(new Map());
    const slots = Math.ceil(view.height / ROW) + 2 * BEYOND + 1; // elements, each of which shows one row after the other
    const drawRow = (node, index) => {
      const props = {id: `${id}-${index}`, node, at: index, active: index === at, isOpen: Boolean(query) || open.has(node.path), whole: tree.root, canTrain: Boolean(onTrain), act};
      const old = drawn.current.get(index % slots);
      if (old && Object.keys(props).every((name) => props[name] === old.props[name])) return old.row;
      const row = html`<${Row} key=${index % slots} ...${props} />`;
      drawn.current.set(index % slots, {props, row});
      return row;
    };
    // In the document the rows stay where they are, as moving them costs most of a frame; aria-owns has their order.
    const shown = rows.slice(first, last).map((node, offset) => drawRow(node, first + offset));
    const ids = shown.map((row) => row.props.id).join(" ");
    shown.sort((a, b) => a.key - b.key);
    const foldable = useMemo(() => tree.nodes.filter((node) => node.children.length), [tree]);
    return html`<div class=${onTrain ? "layers what-if" : "layers"}>
      <div class="tools">
        <label>Search <input type="search" value=${search} onInput=${(event) => setSearch(event.target.value)} placeholder="name or type" /></label>
        <button type="button" onClick=${() => setOpen(new Set(foldable.map((node) => node.path)))}>Unfold all</button>
        <button type="button" onClick=${() => setOpen(new Set())}>Fold all</button>
        <span role="status">${number(rows.length)} of ${number(tree.nodes.length)} rows</span>
      </div>
      <div ref=${scroller} class="scroller" style=${{height: `${Math.min(480, (rows.length + 1) * ROW + 12)}px`}} role="treegrid" tabindex="0" aria-label=${title} aria-rowcount=${rows.length + 1} aria-colcount=${COLUMNS.length}
          aria-activedescendant=${rows[at] && at >= first && at < last ? `${id}-${at}` : null} onKeyDown=${onKeyDown}>
        <div role="row" class="row head" aria-rowindex="1">${COLUMNS.map((column) => html`<span role="columnheader" class=${column.name}
          aria-sort=${order.column === column.name ? (Boolean(column.down) !== order.reverse ? "descending" : "ascending") : null}>${column.sort
            ? html`<button type="button" onClick=${() => sortBy(column)}>${column.title}${order.column === column.name ? (Boolean(column.down) !== order.reverse ? " ▾" : " ▴") : ""}</button>`
            : column.title}</span>`)}</div>
        <div role="rowgroup" class="rows" aria-owns=${ids} style=${{height: `${rows.length * ROW}px`}}>${shown}</div>
      </div>
    </div>`;
  }

  return Table;
})();
