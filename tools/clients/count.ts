// Counts a model, and a file of one, through a client whose types are generated from the contract.
import createClient from "openapi-fetch";
import type { paths } from "./schema";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const architecture = { framework: "keras", input_shape: [3], layers: [{ type: "Dense", units: 4 }] };
const { data, error } = await client.POST("/v1/count", { body: { architecture } });
if (error || typeof data === "string") throw new Error(JSON.stringify(error));
const rows: string[] = data.layers.map((row) => row.explanation);

const file = new File([JSON.stringify(architecture)], "model.json", { type: "application/json" });
const uploaded = await client.POST("/v1/count", {
  body: { file: file as unknown as string },
  bodySerializer: (body) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(body ?? {})) form.append(name, value as Blob | string);
    return form;
  },
});
if (uploaded.error || typeof uploaded.data === "string") throw new Error(JSON.stringify(uploaded.error));
console.log(uploaded.data.totals.trainable, rows.join());
