//! The figures of a soak as a picture: a column for each store, a row for each kind of figure. It is read on a light and on a dark page.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::record::Record;
use super::verdict::{DISK, HANDLES, MEMORY, PAGE, RUN, of_measure, percentile};

/// A row: the measure, its words, what one of its unit is in units of the records, and whether each step of its scale is ten times the one before.
const ROWS: [(&str, &str, f64, bool); 5] = [
    (MEMORY, "resident memory, MB", 1e6, false),
    (HANDLES, "open handles", 1.0, false),
    (DISK, "disk, MB", 1e6, false),
    (RUN, "run from request to end, median, s", 1e3, true),
    (PAGE, "answer, median, ms", 1.0, true),
];
/// Points of a line: each is a median of what was measured meanwhile.
const POINTS: usize = 60;

const WIDTH: f64 = 960.0;
const COLUMN: f64 = 480.0;
const LEFT: f64 = 44.0;
const PLOT_WIDTH: f64 = 412.0;
const TOP: f64 = 46.0;
const ROW: f64 = 158.0;
const PLOT_HEIGHT: f64 = 92.0;
/// Seen on white and on black.
const COLOURS: [&str; 6] = ["#2f80d0", "#d9772b", "#2e9e6b", "#b5569f", "#8a8f98", "#b39a1e"];

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#444}.head{font-size:15px;font-weight:600}.title{font-weight:600}\
     .line{fill:none;stroke-width:1.6;stroke-linejoin:round}.grid{stroke:#8886;stroke-width:1}.warm{fill:#8882}\
     @media(prefers-color-scheme:dark){text{fill:#ccc}}";

/// The picture as SVG.
pub(crate) fn graph(records: &[Record]) -> String {
    // What came to its end after that was not loaded any more.
    let sampled = records.iter().filter(|record| record.measure == MEMORY);
    let end = sampled.map(|record| record.seconds).fold(1.0, f64::max);
    let stores: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.measure == MEMORY)
        .map(|record| record.store.as_str())
        .collect();
    // SQLite, the smaller one, first.
    let stores: Vec<&str> = stores.into_iter().rev().collect();
    let height = TOP + ROW * ROWS.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Memory, handles, disk and latency over {:.0} minutes</title>\n<style>{STYLE}</style>\n",
        end / 60.0
    );
    for (column, store) in stores.iter().enumerate() {
        let x = column as f64 * COLUMN + LEFT;
        let _ = writeln!(
            svg,
            "<text class=\"head\" x=\"{x}\" y=\"22\">{}</text>",
            escaped(store)
        );
    }
    for (row, (measure, words, unit, by_tens)) in ROWS.iter().enumerate() {
        let lines = lines(records, measure, *unit, end);
        let values = lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let scale = Scale::of(values, *by_tens);
        let sources: BTreeSet<&str> = lines.iter().map(|line| line.source.as_str()).collect();
        for (column, store) in stores.iter().enumerate() {
            let panel = Panel {
                x: column as f64 * COLUMN + LEFT,
                y: TOP + row as f64 * ROW + 38.0,
                end,
                scale,
            };
            let own: Vec<&Line> = lines.iter().filter(|line| line.store == *store).collect();
            panel.draw(&mut svg, words, &own, &sources);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

struct Line {
    store: String,
    source: String,
    points: Vec<(f64, f64)>,
}

fn lines(records: &[Record], measure: &str, unit: f64, end: f64) -> Vec<Line> {
    let window = end / POINTS as f64;
    of_measure(records, measure)
        .into_iter()
        .map(|((store, source), points)| {
            let medians = (0..POINTS).filter_map(|n| {
                let from = window * n as f64;
                let within = points
                    .iter()
                    .filter(|(seconds, _)| (from..=from + window).contains(seconds));
                let mut values: Vec<f64> = within.map(|(_, value)| value / unit).collect();
                Some((from + window / 2.0, percentile(&mut values, 50)?))
            });
            Line {
                store,
                source,
                points: medians.collect(),
            }
        })
        .collect()
}

struct Panel {
    x: f64,
    y: f64,
    /// Seconds at the right end.
    end: f64,
    scale: Scale,
}

/// What stands at the lower and the upper end.
#[derive(Clone, Copy)]
enum Scale {
    /// 0, and this.
    Even(f64),
    /// Powers of ten.
    ByTens(i32, i32),
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone, by_tens: bool) -> Self {
        let most = values.clone().fold(0.0, f64::max);
        if !by_tens {
            return Self::Even(rounded_up(most));
        }
        let least = values.filter(|value| *value > 0.0).fold(most, f64::min);
        let power = |value: f64| value.max(1e-3).log10();
        #[expect(clippy::cast_possible_truncation, reason = "a few powers")]
        let (low, high) = (power(least).floor() as i32, power(most).ceil() as i32);
        Self::ByTens(low, high.max(low + 1))
    }

    /// From 0 to 1.
    fn height(self, value: f64) -> f64 {
        match self {
            Self::Even(most) => value / most,
            Self::ByTens(low, high) => {
                let (low, high) = (f64::from(low), f64::from(high));
                ((value.max(1e-9).log10() - low) / (high - low)).max(0.0)
            }
        }
    }

    fn ticks(self) -> Vec<f64> {
        match self {
            Self::Even(most) => vec![0.0, most / 2.0, most],
            Self::ByTens(low, high) => (low..=high).map(|power| 10_f64.powi(power)).collect(),
        }
    }
}

impl Panel {
    fn draw(&self, svg: &mut String, words: &str, lines: &[&Line], sources: &BTreeSet<&str>) {
        let (x, y, right, bottom) = (self.x, self.y, self.x + PLOT_WIDTH, self.y + PLOT_HEIGHT);
        let _ = writeln!(
            svg,
            "<text class=\"title\" x=\"{x}\" y=\"{}\">{words}</text>",
            y - 26.0
        );
        // The warm-up.
        let _ = writeln!(
            svg,
            "<rect class=\"warm\" x=\"{x}\" y=\"{y}\" width=\"{:.1}\" height=\"{PLOT_HEIGHT}\"/>",
            PLOT_WIDTH / 3.0
        );
        for tick in self.scale.ticks() {
            let at = bottom - PLOT_HEIGHT * self.scale.height(tick);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x} {at:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
                x - 6.0,
                at + 4.0
            );
        }
        for (part, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
            let minutes = self.end * part / 60.0;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{minutes:.0} min</text>",
                x + PLOT_WIDTH * part,
                bottom + 15.0
            );
        }
        let mut legend = x;
        for line in lines {
            // A thing has one colour in both columns.
            let place = sources.iter().position(|source| *source == line.source);
            let colour = COLOURS.iter().cycle().nth(place.unwrap_or_default());
            let colour = colour.copied().unwrap_or_default();
            let points: Vec<String> = line
                .points
                .iter()
                .map(|(seconds, value)| {
                    let (across, up) = (
                        seconds / self.end * PLOT_WIDTH,
                        self.scale.height(*value) * PLOT_HEIGHT,
                    );
                    format!("{:.1},{:.1}", x + across, bottom - up)
                })
                .collect();
            let _ = writeln!(
                svg,
                "<polyline class=\"line\" stroke=\"{colour}\" points=\"{}\"/>",
                points.join(" ")
            );
            let name = escaped(&line.source);
            let _ = writeln!(
                svg,
                "<path d=\"M{legend} {at}h12\" stroke=\"{colour}\" stroke-width=\"3\"/><text x=\"{}\" y=\"{}\">{name}</text>",
                legend + 16.0,
                y - 8.0,
                at = y - 12.0
            );
            legend += 30.0 + 6.6 * line.source.chars().count() as f64;
        }
    }
}

/// To a number that is easily read: 1, 2, 4, 5, 6 or 8 with zeros.
fn rounded_up(value: f64) -> f64 {
    let zeros = 10_f64.powf(value.max(1e-3).log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * zeros >= value);
    step.unwrap_or(10.0) * zeros
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: f64, store: &str, source: &str, measure: &str, value: f64) -> Record {
        Record {
            seconds,
            store: store.to_owned(),
            source: source.to_owned(),
            measure: measure.to_owned(),
            value,
        }
    }

    #[test]
    fn each_thing_has_a_line_in_the_column_of_its_store() {
        let mut records = Vec::new();
        for n in 0..120 {
            let seconds = f64::from(n) * 60.0;
            for store in ["SQLite", "PostgreSQL"] {
                records.push(record(seconds, store, "workdesk", MEMORY, 50e6));
                records.push(record(seconds, store, "gate<way", MEMORY, 25e6));
            }
            records.push(record(seconds, "PostgreSQL", "Scan Hash", RUN, 900.0));
        }
        let svg = graph(&records);
        assert_eq!(svg.matches("<polyline").count(), 5);
        assert!(svg.contains(">gate&lt;way<") && !svg.contains("gate<way"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let [first, second] = ["SQLite", "PostgreSQL"].map(|store| svg.find(&format!(">{store}<")).unwrap());
        assert!(first < second);
        // A flat line is drawn flat: 50 of at most 50 MB at the upper end.
        let line = svg.lines().find(|line| line.contains("<polyline")).unwrap();
        let heights: BTreeSet<&str> = line
            .split(['"', ' '])
            .filter_map(|point| point.split_once(',').map(|(_, up)| up))
            .collect();
        assert_eq!(heights.len(), 1, "{line}");
    }

    #[test]
    fn without_figures_there_is_an_empty_picture() {
        assert!(!graph(&[]).contains("polyline"));
    }

    #[test]
    fn a_scale_by_tens_has_a_step_for_each_power() {
        let scale = Scale::of([0.0, 2.0, 70.0].into_iter(), true);
        assert_eq!(scale.ticks(), [1.0, 10.0, 100.0]);
        assert!((scale.height(10.0) - 0.5).abs() < 1e-9);
        assert_eq!(scale.height(0.0), 0.0);
        assert_eq!(Scale::of([].into_iter(), true).ticks().len(), 2);
    }

    #[test]
    fn a_scale_ends_at_a_number_that_is_easily_read() {
        let ends = [
            (0.0, 0.001),
            (0.9, 1.0),
            (41.0, 50.0),
            (50.0, 50.0),
            (61.0, 80.0),
            (81.0, 100.0),
        ];
        for (value, end) in ends {
            assert!(
                (rounded_up(value) - end).abs() < 1e-9,
                "{value}: {}",
                rounded_up(value)
            );
        }
    }
}
