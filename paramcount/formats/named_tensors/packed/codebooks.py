"""Schemes that store indices into tables: AQLM, VPTQ, HIGGS, QuIP#, SpQR, and those of ExLlama."""

from __future__ import annotations

from paramcount.formats.named_tensors.packed.candidates import Candidate, Packing


def detect_codes(weight: Candidate) -> Packing | None:
    """AQLM: codes [out groups, in groups, codebooks], codebooks [number, size, out group, in group].

    Source: aqlm.inference, QuantizedLinear.
    """
    codes, codebooks = weight.tensor, weight.beside("codebooks")
    if codebooks is None or len(codes.shape) != 3 or len(codebooks.shape) != 4 or codes.dtype[:1] not in "IU":
        return None
    rows, columns = codes.shape[0] * codebooks.shape[2], codes.shape[1] * codebooks.shape[3]
    return Packing("AQLM", rows * columns, weight.companions("codebooks scales"))


def detect_indices(weight: Candidate) -> Packing | None:
    """VPTQ: indices of vectors; the config's entry of the layer has its sizes. Source: vptq.layers.vqlinear."""
    if not (companions := weight.companions("centroids.weight")):
        return None
    companions += weight.companions("res_indices res_centroids.weight outlier_indices outlier_centroids.weight perm "
                                    "weight_scale weight_bias")  # fmt: skip
    return Packing("VPTQ", weight.settings.size, companions)


def detect_higgs(weight: Candidate) -> Packing | None:
    """HIGGS: [out · bits / 16, in] of I16, scales [out, groups]. Source: transformers' integrations/higgs.py."""
    if weight.dtype != "I16" or (scales := weight.beside("scales")) is None or weight.beside("tables2") is None:
        return None
    known = len(weight.tensor.shape) == len(scales.shape) == 2
    size = scales.shape[0] * weight.tensor.shape[1] if known else None
    return Packing("HIGGS", size, weight.companions("scales tables tables2"))


def detect_trellis(weight: Candidate) -> Packing | None:
    """ExLlamaV3: tiles of 16 x 16, [in / 16, out / 16, 16 · bits]. Source: exllamav3's modules/quant/exl3.py."""
    companions = weight.companions("suh svh su sv mcg mul1 scale")
    if not companions or weight.dtype not in ("I16", "U16"):
        return None
    size = weight.tensor.shape[0] * weight.tensor.shape[1] * 256 if len(weight.tensor.shape) == 3 else None
    return Packing("EXL3", size, companions)


def detect_exl2(weight: Candidate) -> Packing | None:
    """ExLlamaV2: [words, out], rows of different bits; q_invperm has an entry for each input.

    Source: exllamav2's model format, q_weight.
    """
    order, shape = weight.beside("q_invperm"), weight.tensor.shape
    companions = weight.companions("q_invperm q_perm q_scale q_scale_max q_groups q_group_map")
    if not companions or weight.dtype not in ("I32", "U32"):
        return None
    size = order.size * shape[1] if order is not None and len(order.shape) == 1 and len(shape) == 2 else None
    return Packing("EXL2", size, companions)


def detect_lattice(weight: Candidate) -> Packing | None:
    """QuIP#: indices of lattice points; SU and SV have a sign for each input and output."""
    companions = weight.companions("SU SV Wscale codebook_id tlut rcp tp_rank")
    inputs, outputs = weight.beside("SU"), weight.beside("SV")
    if inputs is None or outputs is None:
        return None
    known = len(inputs.shape) == len(outputs.shape) == 1
    return Packing("QuIP#", inputs.size * outputs.size if known else None, companions)


def detect_sparse(weight: Candidate) -> Packing | None:
    """SpQR: tiles and outliers, whose sizes only their data tells. Source: transformers' integrations/spqr.py."""
    companions = weight.companions("row_offsets col_vals in_perm")
    return Packing("SpQR", None, companions) if "row_offsets" in " ".join(companions) else None
