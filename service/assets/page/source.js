// A model as it is dropped or pasted, and how it is sent: of a large file only the bytes that the service asks for.
"use strict";
Object.assign(Paramcount, (() => {
  const WHOLE_BYTES = 64 * 1024; // a file up to this size is sent whole; of a larger one first its size alone
  const TEXT = /\.(json|txt)$/i; // these have no parts: they are sent whole
  const MAX_ROUNDS = 40;
  const MAX_FILES = 1000;

  /** The service answered that something is wrong: `problem` is its JSON (RFC 9457). */
  class Refused extends Error {
    constructor(problem, status) {
      super(problem.detail ?? `The service answered with status ${status}.`);
      this.problem = problem;
      this.status = status;
    }
  }

  /** The bytes of a file that are sent, as ranges from first to last, both included, in order and apart. */
  class Ranges {
    constructor(file) {
      this.size = file.size;
      this.parts = [];
      if (file.size <= WHOLE_BYTES || TEXT.test(file.name)) this.add(0, file.size - 1);
    }

    /** Add a range; false if all of it is there. */
    add(first, last) {
      last = Math.min(last, this.size - 1);
      if (first > last || this.parts.some((part) => part.first <= first && last <= part.last)) return false;
      const apart = this.parts.filter((part) => part.last + 1 < first || last + 1 < part.first);
      for (const part of this.parts) {
        if (apart.includes(part)) continue;
        first = Math.min(first, part.first);
        last = Math.max(last, part.last);
      }
      this.parts = [...apart, {first, last}].sort((a, b) => a.first - b.first);
      return true;
    }

    get length() {
      return this.parts.reduce((sum, {first, last}) => sum + last - first + 1, 0);
    }
  }

  /** Files with their paths; which bytes of each were asked for is kept for the next request. */
  class FileSource {
    constructor(files) {
      this.files = files.slice(0, MAX_FILES).map(({path, file}) => ({path, file, ranges: new Ranges(file)}));
      this.name = files.length === 1 ? files[0].path : `${files[0].path.split("/")[0]} (${files.length} files)`;
      this.size = this.files.reduce((sum, {file}) => sum + file.size, 0);
    }

    get length() {
      return this.files.reduce((sum, {ranges}) => sum + ranges.length, 0);
    }

    /** A body of multipart/form-data: a part for each range, which states it unless it is the whole file. */
    makeBody({adapter}) {
      const boundary = `paramcount-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
      const pieces = [];
      const quote = (text) => text.replace(/"/g, "%22").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
      if (adapter) pieces.push(`--${boundary}\r\nContent-Disposition: form-data; name="adapter"\r\n\r\n${adapter}\r\n`);
      for (const {path, file, ranges} of this.files) {
        const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quote(path)}"\r\nContent-Type: application/octet-stream\r\n`;
        if (ranges.length === file.size) pieces.push(`${head}\r\n`, file, "\r\n");
        else if (!ranges.length) pieces.push(`${head}Content-Range: bytes */${file.size}\r\n\r\n\r\n`);
        else for (const {first, last} of ranges.parts) pieces.push(`${head}Content-Range: bytes ${first}-${last}/${file.size}\r\n\r\n`, file.slice(first, last + 1), "\r\n");
      }
      pieces.push(`--${boundary}--\r\n`);
      return {body: new Blob(pieces), type: `multipart/form-data; boundary=${boundary}`};
    }

    /** Add what a problem says is needed; false if it says nothing new. */
    addNeeds(problem) {
      let added = false;
      for (const {needs} of problem.errors ?? []) {
        if (!needs) continue;
        const entry = this.files.find(({path}) => path === needs.file) ?? (this.files.length === 1 ? this.files[0] : null);
        if (entry?.ranges.add(needs.first, needs.last)) added = true;
      }
      return added;
    }
  }

  /** Text or JSON that was pasted, or an example. */
  class TextSource {
    constructor(text, name = "what you pasted") {
      this.text = text;
      this.name = name;
      try {
        this.json = JSON.parse(text);
      } catch {
        this.json = undefined;
      }
      this.size = this.length = new Blob([text]).size;
    }

    /** An envelope: its JSON is passed on as it was written, so that no number changes on the way. */
    makeBody({adapter}) {
      const isEnvelope = this.json !== null && typeof this.json === "object" && "architecture" in this.json;
      if (isEnvelope) return {body: adapter ? JSON.stringify({...this.json, adapter: JSON.parse(adapter)}) : this.text, type: "application/json"};
      const architecture = this.json === undefined ? JSON.stringify(this.text) : this.text;
      return {body: `{"architecture": ${architecture}${adapter ? `, "adapter": ${adapter}` : ""}}`, type: "application/json"};
    }

    addNeeds() {
      return false;
    }
  }

  const address = (path) => new URL(path, document.baseURI).href;

  async function request(path, {token, ...options}) {
    const headers = {...options.headers, ...(token ? {authorization: `Bearer ${token}`} : {})};
    const response = await fetch(address(path), {...options, headers});
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Refused(problem, response.status);
  }

  /** Count a source; asks again with more of its bytes while the service needs more. `onSent` hears of every request. */
  async function count(source, {query, adapter, accept = "application/json", token, signal, onSent}) {
    const text = query.toString();
    for (let round = 1; ; round += 1) {
      const {body, type} = source.makeBody({adapter});
      onSent?.({round, sent: source.length, size: source.size});
      try {
        return await request(`v1/count${text && `?${text}`}`, {method: "POST", body, headers: {"content-type": type, accept}, token, signal});
      } catch (error) {
        if (!(error instanceof Refused) || round === MAX_ROUNDS || !source.addNeeds(error.problem)) throw error;
      }
    }
  }

  /** Files of a drop, with all that is in dropped folders. */
  async function readDrop(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return [...transfer.files].map((file) => ({path: file.name, file}));
    const files = [];
    const visit = async (entry, path) => {
      if (files.length >= MAX_FILES || entry.name.startsWith(".")) return;
      if (entry.isFile) {
        files.push({path: path + entry.name, file: await new Promise((done, fail) => entry.file(done, fail))});
        return;
      }
      const reader = entry.createReader();
      for (let batch = [null]; batch.length; ) {
        batch = await new Promise((done, fail) => reader.readEntries(done, fail));
        for (const inner of batch) await visit(inner, `${path}${entry.name}/`);
      }
    };
    for (const entry of entries) await visit(entry, "");
    return files;
  }

  /** Files of an input; of a folder with their paths in it. */
  const readInput = (input) => [...input.files].filter((file) => !/(^|\/)\./.test(file.webkitRelativePath))
    .map((file) => ({path: file.webkitRelativePath || file.name, file}));

  return {FileSource, TextSource, Refused, address, request, count, readDrop, readInput};
})());
