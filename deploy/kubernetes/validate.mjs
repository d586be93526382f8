// validate.mjs FILE...: each manifest against the schema of its kind. `make kubernetes-check` installs what it imports.
import { readFileSync } from "node:fs";
import { loadAll } from "js-yaml";

const operator = "monitoring.coreos.com/";
let bad = 0;
for (const file of process.argv.slice(2)) {
	for (const doc of loadAll(readFileSync(file, "utf8"))) {
		if (doc.kind === "Kustomization") continue;
		const from = doc.apiVersion.startsWith(operator) ? "@kubernetes-models/prometheus-operator" : "kubernetes-models";
		try {
			const { [doc.kind]: Model } = await import(`${from}/${doc.apiVersion}/${doc.kind}`);
			new Model(doc).validate();
			console.log(`${file}: ${doc.kind} ${doc.metadata.name} is valid`);
		} catch (e) {
			bad++;
			console.error(`${file}: ${doc.kind}: ${e.message}`);
		}
	}
}
process.exit(bad ? 1 : 0);
