"""What a snapshot says of itself, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from v8snap.interactive.printable import printable

if TYPE_CHECKING:
    from v8snap.startup_data import StartupData

__all__ = ["facts_of", "lines_of"]


def facts_of(blob: StartupData) -> dict[str, Any]:
    """All that can be read without starting V8, JSON-like."""
    header = blob._header
    return {
        "bytes": len(blob),
        "v8_version": blob.v8_version,
        "build_id": header["build_id"],
        "arch": header["arch"],
        "flags_hash": blob.flags_hash,
        "checksum": f"{blob.checksum:08x}",
        "can_be_rehashed": blob.can_be_rehashed,
        "contexts": list(blob.context_names),
        "data": {"isolate": sorted(header["isolate_data"]), **_names_by_context(blob)},
        "external_references": list(blob.external_references),
        "metadata": blob.metadata,
        "sections": blob.sections,
        "scripts": list(blob.scripts),
    }


def _names_by_context(blob: StartupData) -> dict[str, list[str]]:
    """Names of the data of each context, by "default" or its index."""
    return {scope: sorted(names) for scope, names in blob._header["context_data"].items()}


def lines_of(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of heading and text; sections and scripts are tables of their own."""
    contexts = ["default", *(name or f"({index})" for index, name in enumerate(facts["contexts"]))]
    data = [f"{name} ({scope})" for scope, names in facts["data"].items() for name in names]
    lines = {
        "size": f"{facts['bytes']:,} bytes",
        "V8": facts["v8_version"],
        "machine": facts["arch"] or "unknown",
        "contexts": ", ".join(contexts),
        "data": ", ".join(data) or "none",
        "external references": ", ".join(facts["external_references"]) or "none",
        "can be rehashed": "yes" if facts["can_be_rehashed"] else "no",
        "checksum": facts["checksum"],
        "metadata": "none" if facts["metadata"] is None else str(facts["metadata"]),
    }
    return [(heading, printable(text)) for heading, text in lines.items()]
