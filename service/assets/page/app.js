// The page: take a model, count it, ask what if, compare, copy and save.
"use strict";
(() => {
  const {html, useEffect, useMemo, useRef, useState, number, bytes, printable, readTree, Report, Comparison} = Paramcount;
  const {FileSource, TextSource, Refused, address, request, count, readDrop, readInput} = Paramcount;
  const CHOICES = JSON.parse(document.getElementById("choices").textContent);

  const SAVES = {
    JSON: ["application/json", "json"], CSV: ["text/csv", "csv"], SVG: ["image/svg+xml", "svg"],
    Markdown: ["text/markdown", "md"], HTML: ["text/html", "html"],
  };

  /** Where a model comes in: dropped or chosen files, a folder, a pasted text, an example. */
  function Input({title, examples, onSource}) {
    const [text, setText] = useState("");
    const [over, setOver] = useState(false);
    const take = (files) => files.length && onSource(new FileSource(files));
    const choose = (event) => {
      take(readInput(event.target));
      event.target.value = "";
    };
    const drop = async (event) => {
      event.preventDefault();
      setOver(false);
      take(await readDrop(event.dataTransfer));
    };
    return html`<section class="input" aria-label=${title}>
      <div class=${over ? "drop over" : "drop"} onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
        <p><strong>${title}: drop a file or a folder here</strong><br />Keras (.keras, .h5, .json), PyTorch (.pt, .bin, print(model)), Hugging Face (config.json, a folder), .safetensors, .gguf, .onnx.
          <br />Of a file of weights only the parts that describe it leave your machine.</p>
        <div class="buttons"><${FileButton} text="Choose files" onChange=${choose} /><${FileButton} text="Choose a folder" onChange=${choose} folder /></div>
      </div>
      <label>Or paste JSON, or the text of print(model)
        <textarea spellcheck="false" value=${text} onInput=${(event) => setText(event.target.value)}
          onKeyDown=${(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && text.trim() && onSource(new TextSource(text))}></textarea></label>
      <div class="buttons"><button type="button" class="primary" disabled=${!text.trim()} onClick=${() => onSource(new TextSource(text))}>Count</button>
        ${examples.length > 0 && html`<span>or try an example:</span>`}
        ${examples.map(({format, doc, source}) => html`<button type="button" title=${doc} onClick=${() => onSource(source())}>${format}</button>`)}</div>
    </section>`;
  }

  function FileButton({text, folder, onChange}) {
    const input = useRef(null);
    useEffect(() => { if (folder) input.current.webkitdirectory = true; }, []);
    return html`<span><button type="button" onClick=${() => input.current.click()}>${text}</button>
      <input ref=${input} type="file" multiple tabindex="-1" aria-label=${text} onChange=${onChange} /></span>`;
  }

  function Problem({error, onToken}) {
    if (!error) return null;
    const errors = error.problem?.errors ?? [];
    return html`<section class="problem" role="alert"><h3>${error.status === 401 ? "This service needs a token" : "This could not be counted"}</h3>
      <p>${printable(error.message)}</p>
      <ul>${errors.slice(0, 100).map(({pointer, detail}) => html`<li>${pointer && html`<code>${printable(pointer)}</code>: `}${printable(detail)}</li>`)}</ul>
      ${error.status === 401 && html`<button type="button" onClick=${onToken}>Enter a token</button>`}</section>`;
  }

  function Choice({label, value, choices, onChange, none}) {
    return html`<label>${label} <select value=${value} onChange=${(event) => onChange(event.target.value)}>
      <option value="">${none}</option>${choices.map((choice) => html`<option value=${choice}>${choice}</option>`)}</select></label>`;
  }

  /** Rules, an adapter, a dtype and an optimizer: what would be counted then. */
  function WhatIf({options, onChange}) {
    const [glob, setGlob] = useState("");
    const [adapter, setAdapter] = useState("");
    const addRule = (trainable) => {
      if (glob.trim()) onChange({...options, rules: addTo(options.rules, glob.trim(), trainable)});
      setGlob("");
    };
    const take = async (event) => setAdapter(await event.target.files[0]?.text() ?? "");
    const set = (name) => (value) => onChange({...options, [name]: value});
    return html`<section class="panel" aria-label="What if"><h3>What if</h3>
      <form class="buttons" onSubmit=${(event) => { event.preventDefault(); addRule(false); }}>
        <label>Layers <input value=${glob} placeholder="encoder.*, type:Conv2D, first:100" onInput=${(event) => setGlob(event.target.value)} /></label>
        <button type="submit">Freeze</button><button type="button" onClick=${() => addRule(true)}>Train</button>
        ${options.rules.length > 0 && html`<button type="button" onClick=${() => onChange({...options, rules: []})}>Clear rules</button>`}
      </form>
      <ul class="rules" aria-label="Rules">${options.rules.map((rule, index) => html`<li>${rule.trainable ? "train" : "freeze"} <code>${printable(rule.match)}</code>
        <button type="button" aria-label=${`Remove the rule ${rule.match}`} onClick=${() => onChange({...options, rules: options.rules.filter((_, other) => other !== index)})}>×</button></li>`)}</ul>
      <div class="buttons">
        <${Choice} label="Count as" value=${options.convention} choices=${CHOICES.conventions} none="its framework does" onChange=${set("convention")} />
        <${Choice} label="Train with" value=${options.optimizer} choices=${CHOICES.optimizers} none="(no optimizer)" onChange=${set("optimizer")} />
        ${options.optimizer && html`<${Choice} label="in" value=${options.precision} choices=${CHOICES.precisions} none="fp32" onChange=${set("precision")} />`}
      </div>
      <details><summary>An adapter beside it${options.adapter && " (counted)"}</summary>
        <label>PEFT's adapter_config.json <input type="file" accept=".json" onChange=${take} /></label>
        <label>or its text <textarea spellcheck="false" value=${adapter} onInput=${(event) => setAdapter(event.target.value)}></textarea></label>
        <div class="buttons"><button type="button" onClick=${() => onChange({...options, adapter: adapter.trim()})}>Count with it</button>
        ${options.adapter && html`<button type="button" onClick=${() => onChange({...options, adapter: ""})}>Count without it</button>`}</div></details>
    </section>`;
  }

  /** Rules in order; one of the same layers takes the place of the one before. */
  const addTo = (rules, match, trainable) => [...rules.filter((rule) => rule.match !== match), {match, trainable}];

  function makeQuery({rules, convention, optimizer, precision}) {
    const query = new URLSearchParams();
    for (const {match, trainable} of rules) query.append(trainable ? "train" : "freeze", match);
    for (const [name, value] of Object.entries({convention, optimizer, precision: optimizer && precision})) if (value) query.append(name, value);
    return query;
  }

  /** The same request for a program. The token is never written out. */
  function writeCode(language, source, options, withToken) {
    const query = makeQuery(options).toString();
    const url = address(`v1/count${query && `?${query}`}`);
    const paths = source instanceof FileSource ? source.files.map(({path}) => path) : null;
    const isText = !paths && source.json === undefined;
    const file = paths?.[0] ?? (isText ? "model.txt" : "model.json");
    const quote = (text) => `'${text.replace(/'/g, "'\\''")}'`;
    const auth = {curl: ` \\\n  -H "authorization: Bearer $TOKEN"`, Python: `"authorization": f"Bearer {token}", `, TypeScript: "authorization: `Bearer ${token}`, "};
    const token = withToken ? auth[language] : "";
    const media = isText ? "text/plain" : "application/json";
    if (language === "curl") {
      const body = paths ? paths.map((path) => ` \\\n  -F ${quote(`file=@${path};filename=${path}`)}`).join("") : ` \\\n  -H 'content-type: ${media}' --data-binary @${file}`;
      return `curl -s ${quote(url)}${token}${body}`;
    }
    if (language === "Python") {
      const body = paths ? `files=[("file", (path, open(path, "rb"))) for path in ${JSON.stringify(paths)}]` : `data=open("${file}", "rb")`;
      const headers = paths ? token.replace(/, $/, "") : `${token}"content-type": "${media}"`;
      return `import requests\n\nresponse = requests.post(\n    ${JSON.stringify(url)},\n    ${body},\n${headers ? `    headers={${headers}},\n` : ""})\nresponse.raise_for_status()\nprint(response.json()["totals"])`;
    }
    const body = paths
      ? `const body = new FormData();\nfor (const path of ${JSON.stringify(paths)}) body.append("file", new Blob([await readFile(path)]), path);\n`
      : `const body = await readFile("${file}");\n`;
    const headers = paths ? token.replace(/, $/, "") : `${token}"content-type": "${media}"`;
    return `import { readFile } from "node:fs/promises";\n\n${body}const response = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  body,\n${headers ? `  headers: { ${headers} },\n` : ""}});\nif (!response.ok) throw new Error(await response.text());\nconsole.log((await response.json()).totals);`;
  }

  function Share({source, options, token, onError}) {
    const [language, setLanguage] = useState("");
    const [said, setSaid] = useState("");
    const code = language && writeCode(language, source, options, Boolean(token));
    const save = async (name) => {
      const [accept, ending] = SAVES[name];
      try {
        const response = await count(source, {query: makeQuery(options), adapter: options.adapter, accept, token});
        const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(await response.blob()), download: `parameters.${ending}`});
        link.click();
        URL.revokeObjectURL(link.href);
        setSaid(`Saved as parameters.${ending}`);
      } catch (error) {
        onError(error);
      }
    };
    const copy = async () => {
      await navigator.clipboard.writeText(code);
      setSaid("Copied");
    };
    return html`<section class="panel" aria-label="Copy and save">
      <div class="buttons"><span>Copy as</span>${["curl", "Python", "TypeScript"].map((name) => html`<button type="button" aria-pressed=${language === name}
          onClick=${() => setLanguage(language === name ? "" : name)}>${name}</button>`)}
        <span>Save as</span>${Object.keys(SAVES).map((name) => html`<button type="button" onClick=${() => save(name)}>${name}</button>`)}<span role="status">${said}</span></div>
      ${code && html`<pre tabindex="0">${code}</pre><div class="buttons"><button type="button" onClick=${copy}>Copy</button></div>`}
    </section>`;
  }

  const NO_OPTIONS = {rules: [], convention: "", optimizer: "", precision: "", adapter: ""};

  /** What a comparison takes for a side: what was pasted, or the tensors of a report of files. */
  async function makeEnvelope(source, options, token) {
    const trainable = options.rules;
    if (source instanceof TextSource) {
      const envelope = JSON.parse(source.makeBody(options).body);
      return {...envelope, trainable: [...(envelope.trainable ?? []), ...trainable]};
    }
    const query = makeQuery(options);
    query.append("detail", "tensors");
    const report = await (await count(source, {query, adapter: options.adapter, token})).json();
    return {architecture: listTensors(report), format: "tensors", convention: report.convention};
  }

  /** A report's tensors as a document: every copy of a block by its index. */
  function listTensors(report) {
    const parameters = {}, buffers = {}, tied = [];
    const visit = (prefix, row) => {
      for (const tensor of row.tensors ?? []) {
        const name = prefix + tensor.name;
        const entry = {shape: tensor.shape, dtype: tensor.dtype};
        if (tensor.tied_to) tied.push([tensor.tied_to, name]);
        if (tensor.role === "buffer") buffers[name] = entry;
        else parameters[name] = {...entry, requires_grad: tensor.trainable};
      }
      for (const child of row.children ?? row.layers) for (const name of copyNames(child)) visit(`${prefix}${name}.`, child);
    };
    visit("", {...report, children: report.layers});
    return {parameters, buffers, tied};
  }

  function copyNames({name, repeat}) {
    const indices = name.split(",").flatMap((range) => {
      const [first, last = first] = range.split("-").map(Number);
      return Array.from({length: Math.max(0, last - first + 1)}, (_, index) => first + index);
    });
    return repeat > 1 && indices.length === repeat ? indices : [name];
  }

  function App() {
    const [source, setSource] = useState(null);
    const [options, setOptions] = useState(NO_OPTIONS);
    const [answer, setAnswer] = useState(null); // {report, source}
    const [second, setSecond] = useState(null);
    const [comparison, setComparison] = useState(null);
    const [error, setError] = useState(null);
    const [status, setStatus] = useState("");
    const [busy, setBusy] = useState(false);
    const [token, setToken] = useState("");
    const [asksToken, setAsksToken] = useState(false);
    const [formats, setFormats] = useState([]);
    const [layer, setLayer] = useState(null);
    const heading = useRef(null);

    useEffect(() => {
      request("v1/formats", {token}).then((response) => response.json()).then((answer) => setFormats(answer.formats), (refused) => refused.status === 401 && setAsksToken(true));
    }, [token]);

    useEffect(() => {
      if (!source) return undefined;
      const controller = new AbortController();
      let sent = null;
      setBusy(true);
      setStatus(`Counting ${source.name} …`);
      count(source, {query: makeQuery(options), adapter: options.adapter, token, signal: controller.signal, onSent: (progress) => (sent = progress)})
        .then((response) => response.json())
        .then((report) => {
          setAnswer((old) => {
            if (old?.source !== source) requestAnimationFrame(() => heading.current?.focus());
            return {report, source};
          });
          setError(null);
          setStatus(`${printable(source.name)}: sent ${number(sent.sent)} of ${number(sent.size)} bytes${sent.round > 1 ? ` in ${sent.round} requests` : ""}.`);
        }, (refused) => {
          if (refused.name === "AbortError") return;
          setError(refused);
          if (refused.status === 401) setAsksToken(true);
          setStatus("");
        })
        .finally(() => controller.signal.aborted || setBusy(false));
      return () => controller.abort();
    }, [source, options, token]);

    useEffect(() => {
      if (!source || !second) return setComparison(null);
      let current = true;
      const compare = async () => {
        const after = makeEnvelope(second, NO_OPTIONS, token);
        const [before, other] = [await makeEnvelope(source, options, token), await after];
        const body = JSON.stringify({before, after: other});
        const headers = {"content-type": "application/json"};
        const compared = await (await request("v1/compare", {method: "POST", body, headers, token})).json();
        const query = new URLSearchParams({convention: compared.convention});
        const report = await (await count(second, {query, token})).json();
        if (current) setComparison({comparison: compared, after: report});
      };
      compare().catch((refused) => current && setError(refused));
      return () => (current = false);
    }, [source, second, options, token]);

    const describe = async (node) => {
      setLayer(null);
      if (!node.type || node.children.length) return; // no formula counts what holds others
      try {
        const dialect = node.type.includes(".") ? "" : answer.report.convention === "torch" ? "torch." : "keras.";
        setLayer(await (await request(`v1/layers/${encodeURIComponent(dialect + node.type)}`, {token})).json());
      } catch { /* no formula of ours counted it */ }
    };
    const begin = (taken) => {
      setOptions(NO_OPTIONS);
      setSecond(null);
      setComparison(null);
      setLayer(null);
      setSource(taken);
    };
    const examples = useMemo(() => formats.map(({format, doc, example}) => ({format, doc: doc.split("\n\n")[0], source: () => {
      if (example?.base64) return new FileSource([{path: `example.${format}`, file: new File([Uint8Array.from(atob(example.base64), (sign) => sign.charCodeAt(0))], `example.${format}`)}]);
      return new TextSource(typeof example === "string" ? example : JSON.stringify(example, null, 1), `the example of ${format}`);
    }})), [formats]);
    const onTrain = (node, trainable) => node.path && setOptions({...options, rules: addTo(options.rules, node.path, trainable)});
    const report = answer?.report;
    const input = html`<${Input} title="Your model" examples=${examples} onSource=${begin} />`;
    return html`<div class=${busy ? "busy" : ""}>
      <div class="top"><h1>Paramcount</h1><span>where a network's parameters sit, and which of them train</span>
        <nav aria-label="Service"><a href="docs">API</a><a href="openapi.yaml">OpenAPI</a>
        ${asksToken ? html`<label>Token <input type="password" autocomplete="off" value=${token} onChange=${(event) => setToken(event.target.value.trim())} /></label>`
          : html`<button type="button" class="link" onClick=${() => setAsksToken(true)}>Token</button>`}</nav></div>
      ${report ? html`<details class="panel"><summary>Count another model</summary>${input}</details>` : input}
      <p class="status" role="status">${status}</p>
      <${Problem} error=${error} onToken=${() => setAsksToken(true)} />
      ${report && html`
        <div tabindex="-1" ref=${heading} aria-label="Result" role="region">
          <${Report} report=${report} onTrain=${onTrain} onSelect=${describe} layer=${layer}>
            <${WhatIf} options=${options} onChange=${setOptions} /><//>
          <${Share} source=${answer.source} options=${options} token=${token} onError=${setError} />
        </div>
        <details class="panel"><summary>Compare with another model</summary>
          <${Input} title="The other model" examples=${examples} onSource=${setSecond} />
          ${second && html`<p>After: ${printable(second.name)} <button type="button" onClick=${() => setSecond(null)}>Remove</button></p>`}</details>
        ${comparison && html`<${Comparison} comparison=${comparison.comparison} before=${report} after=${comparison.after} />`}`}
    </div>`;
  }

  const page = document.getElementById("page");
  page.replaceChildren();
  preact.render(html`<${App} />`, page);
})();
