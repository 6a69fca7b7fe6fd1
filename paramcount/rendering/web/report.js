// A report, and a comparison, as a person reads them. Needs no service: a page that stands alone shows the same.
"use strict";
Object.assign(Paramcount, (() => {
  const {html, useMemo, useState, number, bytes, share, printable, shape, readTree, Picture, Table} = Paramcount;

  const REASONS = {
    rule: (reason) => `a rule (${printable(reason.match ?? "")})`,
    adapter: () => "the adapter: the base model does not train",
    document: () => "the model's own description",
    design: () => "the layer's design: statistics and constants that no optimizer changes",
  };

  /** The number of record of a report in words; the number of its elements where that is not known. */
  function describeRecord({parameters, totals}) {
    const {total, text, bytes_text: size, dtype, dtype_assumed: isAssumed, unknown} = parameters;
    const known = total !== null;
    return {
      total: known ? total : totals.total,
      text: !known ? "unknown" : total < 1e6 ? number(total) : text,
      number: known ? number(total) : `${number(totals.total)} elements; the number of parameters is not known: ${unknown.total}`,
      size: dtype ? `${size} in ${dtype}${isAssumed ? " (assumed)" : ""}` : size,
    };
  }

  function Summary({report}) {
    const record = describeRecord(report);
    const inexact = report.inexact.filter((name) => name !== "buffers").length > 0;
    return html`<section class="summary" aria-label="Number of parameters">
      <p class="record"><strong data-total=${record.total}>${record.text}</strong> ${inexact ? "parameters, not exact" : "parameters"}</p>
      <p>${record.number} · ${record.size} · ${report.format}, in the ${report.convention} convention</p>
    </section>`;
  }

  /** What trains, what does not and what no optimizer changes, as one bar; no part of it is too narrow to see. */
  function Bar({report}) {
    const {total, trainable, frozen, buffers} = report.totals;
    const counted = report.convention === "torch" ? 0 : buffers;
    const parts = [
      {name: "trainable", count: trainable, className: "trains"},
      {name: "frozen", count: frozen - counted, className: "frozen"},
      {name: report.convention === "torch" ? "buffers, not in the total" : "buffers", count: buffers, className: "buffers"},
    ];
    const whole = report.convention === "torch" ? total + buffers : total;
    const shown = parts.filter(({count}) => count > 0);
    return html`<section class="bar" aria-label="What trains">
      <div class="track" aria-hidden="true">${shown.map(({count, className}) => html`<span class=${className} style=${{flexGrow: count / whole}}></span>`)}</div>
      <ul>${parts.map(({name, count, className}) => html`<li><span class=${`key ${className}`} aria-hidden="true"></span>
        <b data-part=${className}>${number(count)}</b> ${name} <span class="percent">${share(count, total)}</span></li>`)}</ul>
      ${report.frozen_by.length > 0 && html`<p>Frozen by ${report.frozen_by.map((reason, index) => html`${index > 0 && "; "}${REASONS[reason.by](reason)}: ${number(reason.count)}`)}.</p>`}
    </section>`;
  }

  function Warnings({report, onSelect, tree}) {
    if (!report.warnings.length) return null;
    return html`<section class="warnings" aria-label="Warnings"><h3>Before you rely on this</h3>
      <ul>${report.warnings.slice(0, 200).map((warning) => {
        const node = tree.byPath.get(warning.path);
        const path = printable(warning.path);
        return html`<li>${path && (node ? html`<button type="button" class="link" onClick=${() => onSelect(node)}>${path}</button>: ` : `${path}: `)}${printable(warning.detail)}</li>`;
      })}</ul>
      ${report.warnings.length > 200 && html`<p>… and ${number(report.warnings.length - 200)} more</p>`}</section>`;
  }

  function Explanation({node, report, layer}) {
    if (!node) return html`<section class="layer-detail" aria-label="Layer"><p>Select a layer, in the picture or in the table, to see how its number comes about.</p></section>`;
    const {row} = node;
    const tensors = row.tensors ?? [];
    const facts = [
      ["Type", node.type],
      ["Parameters", `${number(node.total)}, ${share(node.total, report.totals.total)} of all`],
      ["Trainable", number(node.trainable)],
      ["Copies", node.copies > 1 && `${number(node.copies)} of ${number(node.total / node.copies)} each`],
      ["Output shape", shape(row.output_shape)],
      ["How", row.explanation && printable(row.explanation)],
      ["Frozen by", (row.frozen_by ?? []).map((reason) => `${REASONS[reason.by](reason)}: ${number(reason.count)}`).join("; ")],
      ["Formula", layer?.doc && printable(layer.doc)],
    ];
    return html`<section class="layer-detail" aria-label="Layer" aria-live="polite"><h3>${printable(node.path) || node.name || "the whole model"}</h3>
      <dl>${facts.filter(([, text]) => text).map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
      ${tensors.length > 0 && html`<table><caption>Tensors</caption><thead><tr><th>Name</th><th>Shape</th><th>Dtype</th><th class="figure">Elements</th><th>Status</th></tr></thead>
        <tbody>${tensors.slice(0, 500).map((tensor) => html`<tr><td>${printable(tensor.name)}</td><td>${tensor.shape.join("×") || "scalar"}</td><td>${tensor.dtype}</td>
          <td class="figure">${number(tensor.size)}</td><td>${tensor.tied_to ? `tied to ${printable(tensor.tied_to)}` : tensor.role === "buffer" ? "buffer" : tensor.trainable ? "trains" : "frozen"}</td></tr>`)}</tbody></table>`}
    </section>`;
  }

  function Training({training}) {
    if (!training) return null;
    return html`<section aria-label="Training memory"><h3>Memory to train: ${bytes(training.total)}</h3>
      <table><thead><tr><th>For</th><th class="figure">Bytes</th><th>How</th></tr></thead><tbody>${training.items.map((item) => html`<tr><td>${item.name}</td>
        <td class="figure">${bytes(item.bytes)}</td><td>${item.formula}</td></tr>`)}</tbody></table>
      <p>${training.optimizer}, ${training.precision}. Not included: ${training.not_included.join(", ")}.</p></section>`;
  }

  /** `onTrain`: freezes or trains a layer, where there is a service to ask; `describe`: what is known of a layer's type. */
  function Report({report, onTrain, onSelect, layer, children}) {
    const tree = useMemo(() => readTree(report), [report]);
    const [path, setPath] = useState(null);
    const node = path === null ? null : tree.byPath.get(path.path) ?? null;
    const selected = node && path.own ? node.children[0] : node;
    const select = (picked) => {
      setPath({path: picked.path, own: picked.row.name === "(own tensors)"});
      onSelect?.(picked);
    };
    const title = printable(report.name) || "model";
    return html`<article class="report" aria-label=${`Report of ${title}`}>
      <h2>${title}</h2>
      <${Summary} report=${report} />
      <${Bar} report=${report} />
      <${Warnings} report=${report} tree=${tree} onSelect=${select} />
      <${Training} training=${report.training} />
      ${children}
      <${Picture} report=${report} tree=${tree} selected=${selected} onSelect=${select} title=${title} />
      <div class="beside">
        <${Table} key=${tree.nodes.length} tree=${tree} selected=${selected} onSelect=${select} onTrain=${onTrain} title=${`Layers of ${title}`} />
        <${Explanation} node=${selected} report=${report} layer=${layer} />
      </div>
      <p class="source">Counted by paramcount ${report.counted_by.paramcount}${report.counted_by.framework ? `, by the rules of ${report.counted_by.framework}` : ""}.</p>
    </article>`;
  }

  const TOTALS = ["total", "trainable", "frozen", "buffers", "bytes"];
  const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));

  /** `before` and `after` are whole reports, where there are any: then each has a picture. */
  function Comparison({comparison, before, after}) {
    const {changes} = comparison;
    const sides = [["Before", before ?? comparison.before, before], ["After", after ?? comparison.after, after]];
    const changed = changes.filter(({kinds}) => Object.keys(kinds).some((kind) => kind !== "renamed")); // a new name is no change to see
    const marks = useMemo(() => [new Set(changed.filter(({kinds}) => !kinds.added).map((change) => change.was || change.path)),
      new Set(changed.filter(({kinds}) => !kinds.removed).map((change) => change.path))], [comparison]);
    const trees = useMemo(() => [before && readTree(before), after && readTree(after)], [before, after]);
    const [shown, setShown] = useState(200);
    return html`<article class="report comparison" aria-label="Comparison">
      <h2>${sides.map(([, side]) => printable(side.name) || "model").join(" → ")}</h2>
      <p>${sides.map(([name, side]) => `${name}: ${printable(side.name) || "model"} (${side.format})`).join(". ")}. Both are counted in the ${comparison.convention} convention.</p>
      <table class="totals"><thead><tr><td></td>${["Before", "After", "Difference"].map((name) => html`<th class="figure">${name}</th>`)}</tr></thead>
        <tbody>${TOTALS.map((name) => html`<tr><th scope="row">${name}</th><td class="figure">${number(comparison.before.totals[name])}</td>
          <td class="figure">${number(comparison.after.totals[name])}</td><td class="figure">${signed(comparison.difference[name])}</td></tr>`)}</tbody></table>
      ${changes.length === 0 && html`<p><strong>No difference.</strong></p>`}
      <div class="pair">${sides.map(([name, , report], index) => report && html`<section><h3>${name}</h3>
        <${Picture} report=${report} tree=${trees[index]} marked=${marks[index]} title=${name} /></section>`)}</div>
      ${changes.length > 0 && html`<div class="wide" tabindex="0" role="region" aria-label="Changes"><table><caption>${number(changes.length)} changes</caption>
        <thead><tr><th>Layer</th><th>Was</th><th>Change</th><th>Detail</th></tr></thead>
        <tbody>${changes.slice(0, shown).map((change) => html`<tr><td>${printable(change.path) || "(model)"}</td><td>${printable(change.was ?? "")}</td>
          <td>${Object.entries(change.kinds).map(([kind, elements]) => `${kind} ${kind === "resized" ? signed(elements) : number(elements)}`).join(", ")}${change.matched_by === "shape_and_order" ? ", matched by shape and order" : ""}</td>
          <td>${printable(change.detail)}</td></tr>`)}</tbody></table></div>
        ${changes.length > shown && html`<button type="button" onClick=${() => setShown(shown + 1000)}>Show more</button>`}`}
    </article>`;
  }

  return {Report, Comparison};
})());
