//! What of a key's calls is kept for whom.

use virustotal::quota::{KeyId, KeyUse, Ledger};

use crate::failure::Failure;
use crate::output::text::visible;

/// Keeps each share that is named; all that were kept before stay.
pub(super) async fn keep(shares: &[String], key: Option<&str>, ledger: &Ledger) -> Result<(), Failure> {
    // All are read before the first is kept.
    let shares: Vec<(&str, Option<u8>)> = shares.iter().map(|text| read(text)).collect::<Result<_, _>>()?;
    let keys = ledger.keys().await;
    let key = the_one(&keys, key)?;
    for (environment, percent) in shares {
        let kept = ledger.keep(key, environment, percent).await;
        kept.map_err(|error| {
            Failure::usage(format!(
                "The share of {} is not kept: {error}.",
                visible(environment)
            ))
        })?;
    }
    Ok(())
}

/// `Vienna=20`, `Vienna=20%` or `Vienna=none`.
fn read(text: &str) -> Result<(&str, Option<u8>), Failure> {
    let wrong = || {
        Failure::usage(format!(
            "--share wants an environment and percent of the key's calls, such as 'Vienna=20', or 'Vienna=none'; this is {:?}.",
            visible(text).to_string()
        ))
    };
    // A name may have a = in it.
    let (environment, percent) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (environment, percent) = (environment.trim(), percent.trim());
    if environment.is_empty() {
        return Err(wrong());
    }
    match percent.trim_end_matches('%').trim_end() {
        "none" | "0" => Ok((environment, None)),
        number => number
            .parse()
            .map(|percent| (environment, Some(percent)))
            .map_err(|_| wrong()),
    }
}

fn the_one<'a>(keys: &'a [KeyUse], named: Option<&str>) -> Result<&'a KeyId, Failure> {
    let is_meant = |key: &&KeyUse| named.is_none_or(|named| key.label == named || key.id.as_str() == named);
    let mut meant = keys.iter().filter(is_meant);
    match (meant.next(), meant.next(), named) {
        (Some(key), None, _) => Ok(&key.id),
        (None, _, None) => Err(Failure::usage(
            "No key has made a call yet, so there is nothing to keep a share of. Make one first: vtsecops ping".to_owned(),
        )),
        (None, _, Some(named)) => Err(Failure::usage(format!(
            "No key with the label or number {:?} has made a call; vtsecops quota lists those that have.",
            visible(named).to_string()
        ))),
        (Some(_), Some(_), _) => Err(Failure::usage(
            "Several keys are meant; say which one with --key, by the number that vtsecops quota shows.".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_share_is_a_name_and_percent() {
        assert_eq!(read("Vienna=20").unwrap(), ("Vienna", Some(20)));
        assert_eq!(read(" A=B = 5 % ").unwrap(), ("A=B", Some(5)));
        assert_eq!(read("Vienna=none").unwrap(), ("Vienna", None));
        for wrong in [
            "Vienna",
            "=20",
            "Vienna=",
            "Vienna=lots",
            "Vienna=-1",
            "Vienna=300",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
