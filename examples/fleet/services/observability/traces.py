"""Traces, exported only where a collector is configured."""

import os
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter


@cache
def tracer() -> trace.Tracer:
    """Return the service's tracer; the exporter for a collector is an extra that not all machines have."""
    provider = TracerProvider(resource=Resource.create({"service.name": "observability"}))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Exporter
        except ImportError:
            Exporter = ConsoleSpanExporter
        provider.add_span_processor(BatchSpanProcessor(Exporter()))
    return provider.get_tracer("observability")
