"""Why this exists: a plant's monitoring reads Prometheus' format, and finds the counters by their standard names.

`in-pkts-ok` of the IEEE YANG module is `pysec_in_pkts_ok_total`; every sample bears its interface, those of a peer its
SCI. Made out of the same report as `pysec show`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

_LINK = ["interface"]
_PEER = ["interface", "sci"]
_GAUGES = (
    ("next-pn", "The packet number of the next frame"),
    ("sak-age-s", "Age of the SAK in seconds"),
    ("next-rekey-s", "Seconds to the next rekey, at the pace of the last seconds"),
    ("pn-exhaustion-s", "Seconds until no packet number is left, at the pace of the last seconds"),
)


class _Reports:
    """A collector of what some reports say."""

    def __init__(self, reports: Iterable[Mapping[str, Any]]) -> None:
        self._reports = list(reports)

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        secured = GaugeMetricFamily("pysec_secured", "1 while the link passes protected frames only", labels=_LINK)
        restarts = CounterMetricFamily("pysec_restarts", "Times that the link began anew after a failure", labels=_LINK)
        for report in self._reports:
            secured.add_metric([report["interface"]], float(report["secured"]))
            restarts.add_metric([report["interface"]], report["restarts"])
        yield from (secured, restarts, *self._gauges(), *self._counters(), *self._peers(), self._guard())

    def _gauges(self) -> Iterator[Metric]:
        for name, words in _GAUGES:
            family = GaugeMetricFamily(f"pysec_{_snake(name)}", words, labels=_LINK)
            for report in self._reports:
                if (value := report.get(name)) is not None:
                    family.add_metric([report["interface"]], value)
            yield family

    def _counters(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily] = {}
        for report in self._reports:
            for name, value in report.get("counters", {}).items():
                if name not in families:
                    families[name] = CounterMetricFamily(f"pysec_{_snake(name)}", name, labels=_LINK)
                families[name].add_metric([report["interface"]], value)
        yield from families.values()

    def _peers(self) -> Iterator[Metric]:
        live = GaugeMetricFamily("pysec_peer_live", "1 while MKA hears the peer", labels=_PEER)
        words = "No frame is taken that was sent longer ago"
        delay = GaugeMetricFamily("pysec_peer_delay_bound_s", words, labels=_PEER)
        families: dict[str, CounterMetricFamily] = {}
        for report in self._reports:
            for peer in report.get("peers", ()):
                labels = [report["interface"], peer["sci"]]
                live.add_metric(labels, float(peer["live"]))
                if peer.get("delay-bound-s") is not None:
                    delay.add_metric(labels, peer["delay-bound-s"])
                for name, value in (peer.get("counters", {}) | _gaps(peer)).items():
                    if name not in families:
                        words = f"{name}, of one peer"
                        families[name] = CounterMetricFamily(f"pysec_peer_{_snake(name)}", words, labels=_PEER)
                    families[name].add_metric(labels, value)
        yield from (live, delay, *families.values())

    def _guard(self) -> Metric:
        words = "Frames that each rule of the guard has seen"
        family = CounterMetricFamily("pysec_guard_frames", words, labels=["interface", "direction", "rule"])
        for report in self._reports:
            for each in report.get("guard", ()):
                labels = [report["interface"], "in" if each["inward"] else "out", each["name"]]
                family.add_metric(labels, each["frames"])
        return family


def _gaps(peer: Mapping[str, Any]) -> dict[str, int]:
    return {name: peer[name] for name in ("lost", "reordered") if name in peer}


def _snake(name: str) -> str:
    return name.replace("-", "_")


def exposition(reports: Iterable[Mapping[str, Any]]) -> bytes:
    """Some links' reports in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reports(reports))
    return generate_latest(registry)
