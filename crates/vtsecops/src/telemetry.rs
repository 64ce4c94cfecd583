//! What is told of the work while it goes on: lines on standard error, spans to a collector of OpenTelemetry.

use std::io;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, filter};

use crate::cli::TelemetryArguments;
use crate::commands::run::variable;
use crate::failure::Failure;

/// Only our own crates are heard: others may print addresses, which can carry a key.
const OWN: [&str; 5] = ["vtsecops", "virustotal", "integration", "workdesk", "gateway"];
/// How long a collector may take for what it is sent.
const COLLECTOR_TAKES: Duration = Duration::from_secs(10);

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least weighty line that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What may go wrong.
    Warn,
    /// What is done.
    Info,
    /// How it is done.
    Debug,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Sends what is left to send when it is dropped.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        // A collector that is gone is no reason to end otherwise.
        let _ = self.0.take().map(|provider| provider.shutdown());
    }
}

/// Begins to tell what a server does, as it was asked to.
///
/// # Errors
/// The collector's address can't be one.
pub(crate) fn of_server(arguments: &TelemetryArguments, service: &'static str) -> Result<Telemetry, Failure> {
    let endpoint = arguments.otlp_endpoint.clone();
    let collector = endpoint.or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"));
    start(
        arguments.log_level.into(),
        arguments.log_format,
        collector.as_deref(),
        service,
    )
}

/// Begins to tell. Spans go to `collector` (its address for OTLP over HTTP, as `http://127.0.0.1:4318`), under the name of `service`.
///
/// # Errors
/// The collector's address can't be one.
pub(crate) fn start(
    level: Level,
    format: LogFormat,
    collector: Option<&str>,
    service: &'static str,
) -> Result<Telemetry, Failure> {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false);
    let is_line = filter::filter_fn(move |data| data.is_event() && is_own(data) && *data.level() <= level);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => lines.with_filter(is_line).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(is_line).boxed(),
    };
    let mut layers = vec![lines];
    let provider = collector.map(|address| provider(address, service)).transpose()?;
    if let Some(provider) = &provider {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service))
            .with_location(false)
            .with_threads(false)
            .with_filter(filter::filter_fn(|data| {
                is_own(data) && *data.level() <= Level::INFO
            }));
        layers.push(spans.boxed());
    }
    // A process has one; who set another has their reasons.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layers));
    Ok(Telemetry(provider))
}

fn is_own(metadata: &Metadata<'_>) -> bool {
    OWN.iter().any(|name| metadata.target().starts_with(name))
}

fn provider(address: &str, service: &'static str) -> Result<SdkTracerProvider, Failure> {
    let wrong = |words: &dyn std::fmt::Display| Failure::usage(format!("the collector {address}: {words}"));
    if !(address.starts_with("http://") || address.starts_with("https://")) {
        return Err(wrong(&"it must begin with http:// or https://"));
    }
    // Another part may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Spans leave from a thread that knows nothing of the runtime.
    let client = reqwest::blocking::Client::builder()
        .timeout(COLLECTOR_TAKES)
        .build()
        .map_err(|error| wrong(&error))?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(format!("{}/v1/traces", address.trim_end_matches('/')))
        .with_timeout(COLLECTOR_TAKES)
        .build()
        .map_err(|error| wrong(&error))?;
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}
