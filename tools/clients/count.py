"""Counts a model through a client that is generated from the contract."""

import sys

from paramcount_client import Client
from paramcount_client.api.count import count
from paramcount_client.models import Envelope, Report

architecture = {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}
with Client(base_url=sys.argv[1]) as client:
    report = count.sync(client=client, body=Envelope(architecture=architecture))
    assert isinstance(report, Report), report
    print(report.totals.trainable, ",".join(row.explanation for row in report.layers))
