//! `vtsecops simulator`

use std::process::ExitCode;

use simulator::{DEMO_KEY, KeyKind, Quota, Simulator};

use crate::cli::SimulatorArguments;
use crate::ending;
use crate::failure::Failure;

pub(crate) fn run(arguments: &SimulatorArguments) -> Result<ExitCode, Failure> {
    let mut builder = Simulator::builder()
        .listen(arguments.listen)
        .tls(arguments.tls)
        .latency(arguments.latency)
        .scan_for(arguments.scan_for)
        .seed(arguments.seed)
        .quota(Quota {
            per_minute: arguments.quota_per_minute,
            per_day: arguments.quota_per_day,
            per_month: arguments.quota_per_month,
            ..Quota::default()
        });
    for text in &arguments.key {
        let (key, kind) = key(text)?;
        builder = builder.key(key, kind);
    }
    for fault in &arguments.fault {
        builder = builder.fault(fault.clone());
    }
    if let Some(bytes) = arguments.max_upload_bytes {
        builder = builder.max_upload_bytes(bytes);
    }
    // Making up reports is work, so a server uses what cores there are.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("the simulator can't start: {error}")))?;
    runtime.block_on(async {
        let listen = arguments.listen;
        let running = builder.start().await;
        let running = running
            .map_err(|error| Failure::failed(format!("the simulator can't listen on {listen}: {error}")))?;
        if let (Some(path), Some(pem)) = (&arguments.ca_out, running.ca_pem()) {
            std::fs::write(path, pem)
                .map_err(|error| Failure::failed(format!("{} can't be written: {error}", path.display())))?;
        }
        let key = arguments
            .key
            .first()
            .and_then(|text| text.rsplit_once(':'))
            .map_or(DEMO_KEY, |(key, _)| key);
        crate::print(|out| {
            writeln!(out, "VirusTotal simulator, API v2 at {}", running.base_url())?;
            writeln!(
                out,
                "Use it:\n  export VTSECOPS_VIRUSTOTAL_URL={} VTSECOPS_API_KEY={key}",
                running.base_url()
            )?;
            if let Some(path) = &arguments.ca_out {
                writeln!(out, "  export VTSECOPS_CA_FILE={}", path.display())?;
            }
            writeln!(
                out,
                "  vtsecops scan hash 44d88612fea8a8f36de82e1278abb02f\nCtrl-C ends it."
            )
        })?;
        ending::asked_for().await;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn key(text: &str) -> Result<(&str, KeyKind), Failure> {
    match text.rsplit_once(':') {
        Some((key, "public")) if !key.is_empty() => Ok((key, KeyKind::Public)),
        Some((key, "private")) if !key.is_empty() => Ok((key, KeyKind::Private)),
        _ => Err(Failure::usage(format!(
            "--key {text:?}: give it as KEY:public or KEY:private"
        ))),
    }
}
