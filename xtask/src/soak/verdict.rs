//! Whether what was measured is flat: the last third of the time against the second. The first is the warm-up.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Record;

/// How much higher the last third may be: by this factor, and this much beyond it.
#[derive(Clone, Copy, Debug)]
struct Bound {
    factor: f64,
    beyond: f64,
}

/// A measure, and how it is judged and shown.
#[derive(Debug)]
pub(crate) struct Measure {
    /// As it stands in the records.
    pub(crate) name: &'static str,
    /// For people, with its unit.
    pub(crate) title: &'static str,
    /// One of the shown unit in units of the records.
    pub(crate) unit: f64,
    decimals: usize,
    /// `None` is shown, not judged.
    bound: Option<Bound>,
}

const fn bound(factor: f64, beyond: f64) -> Option<Bound> {
    Some(Bound { factor, beyond })
}

pub(crate) const MEMORY: &str = "memory_bytes";
pub(crate) const HANDLES: &str = "handles";
pub(crate) const THREADS: &str = "threads";
pub(crate) const PROCESSOR: &str = "processor_percent";
pub(crate) const DISK: &str = "disk_bytes";
/// Of the gateway's audit trail, which is to grow until it is 640 MB.
pub(crate) const TRAIL: &str = "trail_bytes";
pub(crate) const CONNECTIONS: &str = "connections";
pub(crate) const RUN: &str = "run_ms";
pub(crate) const PAGE: &str = "page_ms";
/// So far; the last one counts.
pub(crate) const COUNT: &str = "count";

/// All that is a figure over time.
pub(crate) const MEASURES: [Measure; 9] = [
    Measure {
        name: MEMORY,
        title: "memory, MB",
        unit: 1e6,
        decimals: 1,
        bound: bound(1.05, 4e6),
    },
    Measure {
        name: HANDLES,
        title: "open handles",
        unit: 1.0,
        decimals: 0,
        bound: bound(1.0, 8.0),
    },
    Measure {
        name: THREADS,
        title: "threads",
        unit: 1.0,
        decimals: 0,
        bound: bound(1.0, 8.0),
    },
    Measure {
        name: DISK,
        title: "disk, MB",
        unit: 1e6,
        decimals: 1,
        bound: bound(1.1, 4e6),
    },
    Measure {
        name: CONNECTIONS,
        title: "connections to the database",
        unit: 1.0,
        decimals: 0,
        bound: bound(1.0, 8.0),
    },
    Measure {
        name: RUN,
        title: "run, from request to end, s",
        unit: 1e3,
        decimals: 2,
        bound: bound(1.3, 250.0),
    },
    Measure {
        name: PAGE,
        title: "answer, ms",
        unit: 1.0,
        decimals: 1,
        bound: bound(1.3, 10.0),
    },
    Measure {
        name: PROCESSOR,
        title: "processor, % of a core",
        unit: 1.0,
        decimals: 1,
        bound: None,
    },
    Measure {
        name: TRAIL,
        title: "audit trail, MB",
        unit: 1e6,
        decimals: 2,
        bound: None,
    },
];

/// What is written beside the table: what counts as flat.
pub(crate) const BOUNDS: &str = "Flat is where the median of the last third is at most: memory 1.05 times that of the second third and 4 MB; \
     handles, threads and connections 8 more; disk 1.1 times and 4 MB; runs 1.3 times and 0.25 s; answers 1.3 times and 10 ms.";

/// One row.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) store: String,
    pub(crate) source: String,
    pub(crate) measure: &'static str,
    /// Medians of the thirds, and the 99th percentile of the last one, in the shown unit.
    pub(crate) second: f64,
    pub(crate) last: f64,
    pub(crate) high: f64,
    /// Of the straight line through the last two thirds.
    pub(crate) an_hour: f64,
    /// `None` where it is not judged.
    pub(crate) is_flat: Option<bool>,
}

/// A row for each thing that has figures in both thirds.
pub(crate) fn rows(records: &[Record]) -> Vec<Row> {
    let end = records
        .iter()
        .filter(|record| record.measure == MEMORY)
        .map(|record| record.seconds)
        .fold(0.0, f64::max);
    let mut rows = Vec::new();
    for measure in &MEASURES {
        for ((store, source), points) in of_measure(records, measure.name) {
            let in_thirds = |from: f64, to: f64| -> Vec<(f64, f64)> {
                let bounds = end * from / 3.0..=end * to / 3.0;
                let points = points.iter().filter(|(seconds, _)| bounds.contains(seconds));
                points
                    .map(|(seconds, value)| (*seconds, value / measure.unit))
                    .collect()
            };
            let values = |points: Vec<(f64, f64)>| points.into_iter().map(|(_, value)| value).collect();
            let (mut before, mut after): (Vec<f64>, Vec<f64>) =
                (values(in_thirds(1.0, 2.0)), values(in_thirds(2.0, 3.0)));
            let (Some(second), Some(last), Some(high)) = (
                percentile(&mut before, 50),
                percentile(&mut after, 50),
                percentile(&mut after, 99),
            ) else {
                continue;
            };
            let is_flat = measure
                .bound
                .map(|bound| last <= second * bound.factor + bound.beyond / measure.unit);
            rows.push(Row {
                store,
                source,
                measure: measure.name,
                second,
                last,
                high,
                an_hour: slope(&in_thirds(1.0, 3.0)) * 3600.0,
                is_flat,
            });
        }
    }
    rows
}

/// Points by store and source, in order of time.
pub(crate) fn of_measure(records: &[Record], measure: &str) -> BTreeMap<(String, String), Vec<(f64, f64)>> {
    let mut points: BTreeMap<(String, String), Vec<(f64, f64)>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.measure == measure) {
        let key = (record.store.clone(), record.source.clone());
        points
            .entry(key)
            .or_default()
            .push((record.seconds, record.value));
    }
    points
}

/// The value that so many percent of the others do not exceed.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * percent / 100).min(values.len().checked_sub(1)?);
    values.get(place).copied()
}

/// Of the line with the least squares, a second; 0 for less than two moments.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a number of samples")]
    let number = points.len() as f64;
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / number;
    let (x, y) = (
        mean(&mut points.iter().map(|point| point.0)),
        mean(&mut points.iter().map(|point| point.1)),
    );
    let (mut across, mut along) = (0.0, 0.0);
    for point in points {
        across += (point.0 - x) * (point.1 - y);
        along += (point.0 - x) * (point.0 - x);
    }
    if along > 0.0 { across / along } else { 0.0 }
}

/// Counts that must be zero, and what it means where they are not.
pub(crate) const NEVER: [(&str, &str); 7] = [
    ("entities lost", "entities without a result, and no run says why"),
    ("URLs submitted twice", "URLs were submitted twice"),
    (
        "runs without a reason",
        "runs ended otherwise than done, and no message says why",
    ),
    ("runs that did not end", "runs did not end"),
    (
        "answers of another kind",
        "requests were not answered as they should be",
    ),
    ("processes that ended", "processes have ended"),
    ("rounds that failed", "rounds of retention failed"),
];

/// The last count of each name, by store.
pub(crate) fn counts(records: &[Record]) -> BTreeMap<(String, String), f64> {
    let points = of_measure(records, COUNT).into_iter();
    points
        .filter_map(|(key, points)| Some((key, points.last()?.1)))
        .collect()
}

/// What is not as promised; empty is well.
pub(crate) fn broken(rows: &[Row], counts: &BTreeMap<(String, String), f64>) -> Vec<String> {
    let mut broken = Vec::new();
    for row in rows.iter().filter(|row| row.is_flat == Some(false)) {
        broken.push(format!(
            "{}, {}: {} is not flat",
            row.store,
            row.source,
            title(row.measure)
        ));
    }
    for ((store, name), number) in counts {
        for (_, words) in NEVER.iter().filter(|(count, _)| count == name) {
            if *number > 0.0 {
                broken.push(format!("{store}: {number} {words}"));
            }
        }
    }
    if rows.is_empty() {
        broken.push("there are no figures".to_owned());
    }
    broken
}

fn title(measure: &str) -> &'static str {
    MEASURES
        .iter()
        .find(|known| known.name == measure)
        .map_or("", |known| known.title)
}

/// Two tables in Markdown, with columns for each store: the figures over time, and the counts.
pub(crate) fn table(rows: &[Row], counts: &BTreeMap<(String, String), f64>) -> String {
    let all = rows.iter().map(|row| row.store.as_str());
    let all: BTreeSet<&str> = all
        .chain(counts.keys().map(|(store, _)| store.as_str()))
        .collect();
    // SQLite, the smaller one, first.
    let stores: Vec<&str> = all.into_iter().rev().collect();
    let mut text = "| measured | of |".to_owned();
    for store in &stores {
        text.push_str(&format!(" {store}: second third → last | its 99th percentile |"));
    }
    text.push_str(&format!("\n|---|---|{}\n", "---|---:|".repeat(stores.len())));
    for measure in &MEASURES {
        let of_it = || rows.iter().filter(|row| row.measure == measure.name);
        let sources: BTreeSet<&str> = of_it().map(|row| row.source.as_str()).collect();
        for source in sources {
            text.push_str(&format!("| {} | {source} |", measure.title));
            for store in &stores {
                let row = of_it().find(|row| row.source == source && row.store == *store);
                text.push_str(&row.map_or_else(|| " – | – |".to_owned(), |row| cells(measure, row)));
            }
            text.push('\n');
        }
    }
    let names: BTreeSet<&str> = counts.keys().map(|(_, name)| name.as_str()).collect();
    text.push_str(&format!(
        "\n| counted | {} |\n|---|{}\n",
        stores.join(" | "),
        "---:|".repeat(stores.len())
    ));
    for name in names {
        let numbers = stores.iter().map(|store| {
            let number = counts.get(&((*store).to_owned(), name.to_owned()));
            number.map_or_else(|| "–".to_owned(), f64::to_string)
        });
        let numbers: Vec<String> = numbers.collect();
        text.push_str(&format!("| {name} | {} |\n", numbers.join(" | ")));
    }
    text
}

/// The medians and what they grow by in an hour, and the 99th percentile.
fn cells(measure: &Measure, row: &Row) -> String {
    let decimals = measure.decimals;
    let (second, last, high) = (row.second, row.last, row.high);
    let an_hour = match measure.name {
        // A few slow ones make a line of these that says nothing.
        RUN | PAGE | PROCESSOR => String::new(),
        // Not a minus before a zero.
        _ => format!(" ({:+.1} an hour)", row.an_hour + 0.0),
    };
    let flat = if row.is_flat == Some(false) {
        " **not flat**"
    } else {
        ""
    };
    format!(" {second:.decimals$} → {last:.decimals$}{an_hour}{flat} | {high:.decimals$} |")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: f64, source: &str, measure: &str, value: f64) -> Record {
        Record {
            seconds,
            store: "SQLite".to_owned(),
            source: source.to_owned(),
            measure: measure.to_owned(),
            value,
        }
    }

    /// An hour of samples, each the value of its minute.
    fn an_hour(measure: &str, value: impl Fn(f64) -> f64) -> Vec<Record> {
        (0..=360)
            .map(|n| f64::from(n) * 10.0)
            .map(|seconds| record(seconds, "workdesk", measure, value(seconds / 60.0)))
            .collect()
    }

    fn only(records: &[Record]) -> Row {
        let mut rows = rows(records);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    #[test]
    fn what_grows_in_the_warm_up_only_is_flat() {
        let row = only(&an_hour(MEMORY, |minute| 40e6 + 1e6 * minute.min(15.0)));
        assert_eq!((row.second, row.last, row.is_flat), (55.0, 55.0, Some(true)));
        assert!(row.an_hour.abs() < 1e-6, "{row:?}");
    }

    #[test]
    fn a_leak_is_seen_and_its_size_told() {
        let leak = |megabytes: f64| an_hour(MEMORY, move |minute| 40e6 + megabytes * 1e6 / 60.0 * minute);
        let row = only(&leak(60.0));
        assert_eq!(row.is_flat, Some(false));
        assert!((row.an_hour - 60.0).abs() < 1e-6, "{row:?}");
        assert!(
            (row.second - 70.0).abs() < 0.5 && (row.last - 90.0).abs() < 0.5,
            "{row:?}"
        );
        // Six megabytes an hour are beneath what is told apart in an hour.
        assert_eq!(only(&leak(6.0)).is_flat, Some(true));
        let handles = an_hour(HANDLES, |minute| 40.0 + minute);
        let records: Vec<Record> = an_hour(MEMORY, |_| 1e6).into_iter().chain(handles).collect();
        let rows = rows(&records);
        assert_eq!(
            broken(&rows, &counts(&records)),
            ["SQLite, workdesk: open handles is not flat"]
        );
    }

    #[test]
    fn few_slow_ones_do_not_move_a_median_and_are_shown() {
        let mut records = an_hour(MEMORY, |_| 1e6);
        records.extend(an_hour(PAGE, |minute| {
            if minute > 50.0 && minute < 53.0 {
                900.0
            } else {
                5.0
            }
        }));
        let rows = rows(&records);
        let row = rows.iter().find(|row| row.measure == PAGE).unwrap();
        assert_eq!((row.last, row.high, row.is_flat), (5.0, 900.0, Some(true)));
    }

    #[test]
    fn what_was_lost_breaks_the_promise_however_flat_it_is() {
        let mut records = an_hour(MEMORY, |_| 1e6);
        records.push(record(3590.0, "entities lost", COUNT, 0.0));
        assert_eq!(broken(&rows(&records), &counts(&records)), Vec::<String>::new());
        records.push(record(3600.0, "entities lost", COUNT, 2.0));
        assert_eq!(
            broken(&rows(&records), &counts(&records)),
            ["SQLite: 2 entities without a result, and no run says why"]
        );
        assert_eq!(broken(&[], &BTreeMap::new()), ["there are no figures"]);
    }

    #[test]
    fn the_table_has_a_row_for_each_and_columns_for_each_store() {
        let mut records = an_hour(MEMORY, |_| 12.34e6);
        records.extend(an_hour(HANDLES, |minute| 20.0 + minute));
        records.push(record(1.0, "cases", COUNT, 7.0));
        let mut other = record(1.0, "cases", COUNT, 8.0);
        other.store = "PostgreSQL".to_owned();
        records.push(other);
        let text = table(&rows(&records), &counts(&records));
        for line in [
            "| measured | of | SQLite: second third → last | its 99th percentile | PostgreSQL: second third → last | its 99th percentile |",
            "| memory, MB | workdesk | 12.3 → 12.3 (+0.0 an hour) | 12.3 | – | – |",
            "| open handles | workdesk | 50 → 70 (+60.0 an hour) **not flat** | 80 | – | – |",
            "| counted | SQLite | PostgreSQL |",
            "| cases | 7 | 8 |",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}: {text}");
        }
    }

    #[test]
    fn a_line_has_its_slope_and_a_point_has_none() {
        assert!((slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) - 2.0).abs() < 1e-12);
        assert_eq!((slope(&[(1.0, 3.0)]), slope(&[])), (0.0, 0.0));
        assert_eq!(percentile(&mut [], 50), None);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 50), Some(2.0));
    }
}
