"""The service's state in the text format of Prometheus.

Counts are of all sessions since the start. Nothing here names a session, as each name would be a
time series of its own.
"""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from media.counters import LATEST, Counters
from media.delays import BOUNDS, Histogram
from media.servers.device import JobQueue
from rtc.network import NetworkState
from web.context import ServiceContext
from web.sessions.registry import Sessions

SECONDS = ("audio_seconds", "unheard", "concealed", "missing")  # counters of seconds of sound


class ServiceCollector(Collector):
    """Reads the metrics of one service when they are asked for."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        sessions = self._context.sessions
        yield from admission_metrics(sessions)
        counters = total_counters(sessions)
        yield from counter_metrics(counters)
        yield delay_metric(counters)
        yield from queue_metrics(self._context.models.services.queues)
        live = [each.network for each in sessions.live() if each.network is not None]
        yield from network_metrics(live)


def exposition(context: ServiceContext) -> bytes:
    """Return the metrics of the service and of its process as text."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(context))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def total_counters(sessions: Sessions) -> Counters:
    """Return the sums of the counters of all sessions, live and ended."""
    total = Counters()
    total.add(sessions.totals.counters)
    for record in sessions.live():
        total.add(record.counters)
    return total


def admission_metrics(sessions: Sessions) -> Iterator[Metric]:
    """Yield how many sessions run, and how many were started and refused."""
    live = sessions.capacity - sessions.free
    yield GaugeMetricFamily("eyeline_sessions_live", "Sessions that run", live)
    capacity = sessions.capacity
    yield GaugeMetricFamily("eyeline_sessions_capacity", "Sessions that may run at once", capacity)
    started = CounterMetricFamily("eyeline_sessions_started", "Sessions started", labels=["kind"])
    for kind, count in sorted(sessions.totals.started.items()):
        started.add_metric([kind], count)
    yield started
    refused = CounterMetricFamily("eyeline_sessions_refused", "Sessions refused", labels=["code"])
    for code, count in sorted(sessions.totals.refused.items()):
        refused.add_metric([code], count)
    yield refused


def counter_metrics(counters: Counters) -> Iterator[Metric]:
    """Yield what was counted in all sessions: frames, turns, seconds of sound and so on."""
    for name, value in counters.snapshot().items():
        if name in LATEST:
            continue
        unit = "seconds" if name in SECONDS else ""
        named = f"{name}_seconds" if unit and not name.endswith("_seconds") else name
        about = f"{name.replace('_', ' ').capitalize()}, of all sessions"
        yield CounterMetricFamily(f"eyeline_{named}", about, value or 0)


def delay_metric(counters: Counters) -> Metric:
    """Return what users waited for, by part of a turn."""
    about = "What users waited for: captions, parts of an answer, pictures"
    metric = HistogramMetricFamily("eyeline_delay_seconds", about, labels=["part"])
    for part, histogram in counters.delays.items():
        _add_histogram(metric, part, histogram)
    return metric


def queue_metrics(queues: Mapping[str, JobQueue]) -> Iterator[Metric]:
    """Yield the state of each model's queue of jobs."""
    for name, about in (
        ("waiting", "Jobs that wait"),
        ("running", "Batches that run"),
        ("hung", "Batches that were given up and have not ended"),
    ):
        gauge = GaugeMetricFamily(f"eyeline_queue_{name}", about, labels=["queue"])
        for label, queue in queues.items():
            gauge.add_metric([label], getattr(queue, name))
        yield gauge
    for name, about in (
        ("jobs", "Jobs that were run"),
        ("batches", "Batches in which they were run"),
        ("shed", "Jobs that waited longer than they were worth"),
        ("cancelled", "Jobs that were not wanted any more"),
        ("failed", "Jobs that raised an error"),
    ):
        counter = CounterMetricFamily(f"eyeline_queue_{name}", about, labels=["queue"])
        for label, queue in queues.items():
            counter.add_metric([label], getattr(queue.stats, name))
        yield counter
    for name, about in (("waits", "How long jobs waited"), ("runs", "How long batches ran")):
        metric = HistogramMetricFamily(
            f"eyeline_queue_{name.removesuffix('s')}_seconds", about, labels=["queue"]
        )
        for label, queue in queues.items():
            _add_histogram(metric, label, getattr(queue.stats, name))
        yield metric


def network_metrics(states: list[NetworkState]) -> Iterator[Metric]:
    """Yield the network of live calls, as last measured."""
    bitrate = GaugeMetricFamily(
        "eyeline_network_bitrate", "Bit/s of all live calls", labels=["direction"]
    )
    bitrate.add_metric(["in"], sum(each.bitrate_in for each in states))
    bitrate.add_metric(["out"], sum(each.bitrate_out for each in states))
    yield bitrate
    losses, times = _by_statistic(
        [each.loss for each in states],
        [each.round_trip for each in states if each.round_trip is not None],
    )
    for name, about, values in (
        ("loss_ratio", "Packets lost on the way here, of live calls", losses),
        ("round_trip_seconds", "Round trip of live calls", times),
    ):
        gauge = GaugeMetricFamily(f"eyeline_network_{name}", about, labels=["statistic"])
        for statistic, value in values.items():
            gauge.add_metric([statistic], value)
        yield gauge


def _by_statistic(*columns: list[float]) -> list[dict[str, float]]:
    """Return the mean and the largest of each; nothing of an empty one."""
    return [
        {"mean": sum(values) / len(values), "max": max(values)} if values else {}
        for values in columns
    ]


def _add_histogram(metric: HistogramMetricFamily, label: str, histogram: Histogram) -> None:
    total, buckets = 0, []
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    metric.add_metric([label], buckets, histogram.sum)
