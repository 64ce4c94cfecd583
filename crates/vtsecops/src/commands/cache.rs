//! `vtsecops cache stats|clear`

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;
use virustotal::CacheStats;

use super::run::{resolve, runtime};
use crate::cli::{CacheArguments, CacheVerb, Connection};
use crate::failure::Failure;
use crate::progress::Teller;
use crate::stores;

pub(crate) fn run(arguments: &CacheArguments) -> Result<ExitCode, Failure> {
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let cache = stores::cache(&resolved, Teller::new(false).notify());
    match arguments.verb {
        CacheVerb::Stats { json } => {
            let stats = runtime()?.block_on(cache.stats());
            crate::print(|out| match json {
                true => writeln!(out, "{:#}", as_json(&stats)),
                false => as_text(&stats, out),
            })?;
        }
        CacheVerb::Clear => {
            let entries = runtime()?.block_on(cache.clear());
            crate::print(|out| writeln!(out, "{entries} entries forgotten."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(stats: &CacheStats) -> serde_json::Value {
    json!({
        "reports": stats.found,
        "missing": stats.missing,
        "queued": stats.queued,
        "bytes": stats.bytes,
        "most_bytes": stats.most_bytes,
        "hits": stats.hits,
        "misses": stats.misses,
        "oldest": stats.oldest,
    })
}

fn as_text(stats: &CacheStats, out: &mut dyn Write) -> io::Result<()> {
    const MEGABYTE: f64 = 1024.0 * 1024.0;
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let megabytes = |bytes: u64| bytes as f64 / MEGABYTE;
    let asked = stats.hits + stats.misses;
    let saved = match asked {
        0 => String::new(),
        asked => format!(" ({} %)", stats.hits * 100 / asked),
    };
    writeln!(out, "reports           {}", stats.found)?;
    writeln!(out, "unknown objects   {}", stats.missing)?;
    writeln!(out, "being analysed    {}", stats.queued)?;
    writeln!(
        out,
        "size              {:.1} of {:.0} MB",
        megabytes(stats.bytes),
        megabytes(stats.most_bytes)
    )?;
    writeln!(out, "answered from it  {} of {asked} look-ups{saved}", stats.hits)?;
    match stats.oldest {
        Some(oldest) => writeln!(out, "oldest entry      {}", oldest.strftime("%Y-%m-%d %H:%M UTC")),
        None => Ok(()),
    }
}
