// Counts a model through a client whose types are generated from the contract.
import createClient from "openapi-fetch";
import type { paths } from "./schema";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const architecture = { framework: "keras", input_shape: [3], layers: [{ type: "Dense", units: 4 }] };
const { data, error } = await client.POST("/v1/count", { body: { architecture } });
if (error || typeof data === "string") throw new Error(JSON.stringify(error));
const rows: string[] = data.layers.map((row) => row.explanation);
console.log(data.totals.trainable, rows.join());
