// What every part of the page shares: the library, numbers as text, and a report as a tree of nodes.
"use strict";
var Paramcount = (() => {
  const html = htm.bind(preact.h);
  const {useEffect, useLayoutEffect, useMemo, useRef, useState} = preactHooks;

  const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ","); // ten times as fast as toLocaleString

  function bytes(value) {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = 0;
    for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
    return `${unit ? value.toPrecision(3) : value} ${units[unit]}`;
  }

  /** A share as a person reads it: never 0 % of something, nor 100 % of less than all. */
  function share(part, total) {
    const percent = total ? (100 * part) / total : 0;
    if (percent > 0 && percent < 0.001) return "<0.001 %";
    return part < total && percent > 99.9 ? ">99.9 %" : `${Number(percent.toPrecision(3))} %`;
  }

  const INVISIBLE = /[\u200b-\u200f\u061c\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]/g;

  /** A client's text on one line, without what a browser obeys: controls, directions, joiners. */
  const printable = (text) => text.replace(INVISIBLE, "").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");

  function shape(output) {
    if (output === null || output === undefined) return "";
    if (typeof output !== "object") return String(output);
    if (!Array.isArray(output)) {
      return `{${Object.entries(output).map(([name, value]) => `${name}: ${shape(value)}`).join(", ")}}`;
    }
    const sizes = output.every((size) => size === null || typeof size === "number");
    return sizes ? `(${output.map((size) => size ?? "None").join(", ")})` : `[${output.map(shape).join(", ")}]`;
  }

  /** A layer, the model itself (level -1), or the tensors that a layer with others inside owns itself. */
  function makeNode(row, level, parent, copies) {
    return {
      row, level, parent,
      path: row.path, name: printable(row.name || row.type || "model"), type: printable(row.type),
      copies, // of the layer, in the whole model
      total: row.totals.total, trainable: row.totals.trainable, bytes: row.totals.bytes,
      children: [], end: 0,
    };
  }

  /** The nodes of a report in the model's order; each counts all its copies, so that the children of one add up to it. */
  function readTree(report) {
    const nodes = [];
    const fill = (node, rows, copies) => {
      const own = {total: node.total, trainable: node.trainable, bytes: node.bytes};
      for (const row of rows) {
        own.total -= copies * row.totals.total;
        own.trainable -= copies * row.totals.trainable;
        own.bytes -= copies * row.totals.bytes;
      }
      if (own.total > 0 && (rows.length || node.level < 0)) {
        const totals = {...node.row.totals, ...own};
        const row = {...node.row, name: "(own tensors)", type: "", repeat: 1, totals, children: [], output_shape: null};
        add(row, node, 1, node.copies);
      }
      for (const row of rows) add(row, node, copies, copies * row.repeat);
    };
    const add = (row, parent, outer, copies) => {
      const node = makeNode(row, parent.level + 1, parent, copies);
      if (row.name !== "(own tensors)") {
        node.total *= outer;
        node.trainable *= outer;
        node.bytes *= outer;
      }
      node.index = nodes.length;
      nodes.push(node);
      parent.children.push(node);
      fill(node, row.children ?? [], copies);
      node.end = nodes.length;
    };
    const whole = {path: "", name: report.name, type: "", repeat: 1, totals: report.totals, frozen_by: report.frozen_by};
    const root = makeNode(whole, -1, null, 1);
    root.index = -1;
    fill(root, report.layers, 1);
    root.end = nodes.length;
    return {root, nodes, byPath: new Map(nodes.map((node) => [node.path, node]).reverse())};
  }

  return {html, useEffect, useLayoutEffect, useMemo, useRef, useState, number, bytes, share, printable, shape, readTree};
})();
