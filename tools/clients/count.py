"""Counts a model, and a file of one, through a client that is generated from the contract."""

import json
import sys
from io import BytesIO

from paramcount_client import Client
from paramcount_client.api.count import count
from paramcount_client.models import CountForm, Envelope, EnvelopeDetail, Report
from paramcount_client.types import File

architecture = {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}
file = File(payload=BytesIO(json.dumps(architecture).encode()), file_name="model.json", mime_type="application/json")
with Client(base_url=sys.argv[1]) as client:
    report = count.sync(client=client, body=Envelope(architecture=architecture))
    uploaded = count.sync(client=client, body=CountForm(file=file))
    totals = count.sync(client=client, body=Envelope(architecture=architecture, detail=EnvelopeDetail.TOTALS))
    assert isinstance(report, Report), report
    assert isinstance(uploaded, Report), uploaded
    assert isinstance(totals, Report), totals
    assert report.totals == uploaded.totals == totals.totals
    print(uploaded.totals.trainable, ",".join(row.explanation for row in report.layers))
