//! A playbook as a drawing: boxes and lines from top to bottom, as inline SVG.
//!
//! Everything has a size that follows from what is in it, and is drawn around a vertical axis: a sequence is as wide as its
//! widest step, ways stand side by side. Colours and fonts are the style sheet's.

use std::fmt::Write;

use maud::{Markup, html};
use unicode_width::UnicodeWidthChar;

use super::shown::{is_open, kind, look, progress, start, words};
use super::{Playbook, States, Step, StepKind};
use crate::text::visible;

/// A step's box. All lengths are in the drawing's units, which are pixels where it is shown in its natural size; the large
/// ones are even, so that the middle is a whole number.
const BOX_WIDTH: i32 = 252;
const BOX_HEIGHT: i32 = 68;
/// How far the sides of a box that asks something stick out.
const POINT: i32 = 18;
/// The boxes of beginning and end.
const EDGE_HEIGHT: i32 = 50;
const END_WIDTH: i32 = 80;
const END_HEIGHT: i32 = 30;
/// The bars around what is done at the same time.
const BAR_HEIGHT: i32 = 6;
/// Between a step and the next.
const GAP: i32 = 30;
/// From a step down to the line from which its ways branch off, and from where they join to the next step.
const STUB: i32 = 14;
/// Between ways.
const ASIDE: i32 = 24;
/// A way without steps.
const EMPTY_WIDTH: i32 = 64;
/// Around everything.
const MARGIN: i32 = 8;
/// What a line of a box takes, in half widths of a usual small letter; what is wider all the same is cut off by the box.
const HALVES: usize = 60;

/// The steps as a flow diagram, each with what became of it. In a page it stands in front of [`outline`](super::outline).
#[must_use]
pub fn diagram(playbook: &Playbook, states: &States) -> Markup {
    let steps = sequence_size(&playbook.steps);
    let (width, axis) = (steps.width + 2 * MARGIN, MARGIN + steps.width / 2);
    let mut drawing = Drawing::new(states);
    let words = start(playbook);
    drawing.edge(axis, MARGIN, BOX_WIDTH, EDGE_HEIGHT, &wrapped(&words), &words);
    let top = MARGIN + EDGE_HEIGHT + GAP;
    drawing.arrow(axis, top - GAP, top);
    let bottom = drawing.sequence(&playbook.steps, axis, top, true);
    drawing.arrow(axis, bottom, bottom + GAP);
    drawing.edge(
        axis,
        bottom + GAP,
        END_WIDTH,
        END_HEIGHT,
        &["End".to_owned()],
        "End",
    );
    let height = bottom + GAP + END_HEIGHT + MARGIN;
    let label = format!("Flow of the playbook {}", visible(&playbook.name));
    html! {
        svg.flow role="img" aria-label=(label) width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) {
            path.lines d=(drawing.lines) {}
            path.heads d=(drawing.heads) {}
            @for shape in &drawing.shapes { (shape) }
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    width: i32,
    height: i32,
}

fn sequence_size(steps: &[Step]) -> Size {
    let sizes = steps.iter().map(step_size);
    let size = sizes.reduce(|above, below| Size {
        width: above.width.max(below.width),
        height: above.height + GAP + below.height,
    });
    size.unwrap_or(Size {
        width: EMPTY_WIDTH,
        height: 0,
    })
}

fn step_size(step: &Step) -> Size {
    let ways = ways_size(&step.ways());
    match &step.kind {
        StepKind::If { .. } | StepKind::Approval { .. } if is_choice(step) => Size {
            width: BOX_WIDTH.max(ways.width),
            height: BOX_HEIGHT + STUB + ways.height + STUB,
        },
        StepKind::Parallel(_) => Size {
            width: ways.width,
            height: BAR_HEIGHT + ways.height + BAR_HEIGHT,
        },
        _ => Size {
            width: BOX_WIDTH,
            height: BOX_HEIGHT,
        },
    }
}

/// Ways side by side, with an arrow into and a line out of each.
fn ways_size(ways: &[&[Step]]) -> Size {
    let sizes = ways.iter().map(|way| sequence_size(way));
    let size = sizes.reduce(|left, right| Size {
        width: left.width + ASIDE + right.width,
        height: left.height.max(right.height),
    });
    let size = size.unwrap_or_default();
    Size {
        height: GAP + size.height + STUB,
        ..size
    }
}

/// Whether something is done on one of its ways; an approval need not have any.
fn is_choice(step: &Step) -> bool {
    step.ways().iter().any(|way| !way.is_empty())
}

/// What is drawn so far.
struct Drawing<'a> {
    states: &'a States,
    lines: String,
    heads: String,
    shapes: Vec<Markup>,
}

impl<'a> Drawing<'a> {
    fn new(states: &'a States) -> Self {
        Self {
            states,
            lines: String::new(),
            heads: String::new(),
            shapes: Vec::new(),
        }
    }

    fn line(&mut self, x: i32, from: i32, to: i32) {
        // Writing to a string can't fail.
        let _ = write!(self.lines, "M{x} {from}V{to}");
    }

    fn across(&mut self, from: i32, to: i32, y: i32) {
        let _ = write!(self.lines, "M{from} {y}H{to}");
    }

    fn arrow(&mut self, x: i32, from: i32, to: i32) {
        self.line(x, from, to - 6);
        let _ = write!(self.heads, "M{x} {to}l-4 -8h8z");
    }

    /// Draws steps below each other and returns where they end.
    fn sequence(&mut self, steps: &[Step], axis: i32, top: i32, is_on_the_way: bool) -> i32 {
        let mut y = top;
        for (place, step) in steps.iter().enumerate() {
            if place > 0 {
                self.arrow(axis, y, y + GAP);
                y += GAP;
            }
            y = self.step(step, axis, y, is_on_the_way);
        }
        y
    }

    fn step(&mut self, step: &Step, axis: i32, top: i32, is_on_the_way: bool) -> i32 {
        if let StepKind::Parallel(_) = &step.kind {
            return self.parallel(step, axis, top, is_on_the_way);
        }
        self.boxed(step, axis, top, is_on_the_way);
        let bottom = top + BOX_HEIGHT;
        if !is_choice(step) {
            return bottom;
        }
        let (branch, states) = (bottom + STUB, self.states);
        self.line(axis, bottom, branch);
        let open = |way| is_on_the_way && is_open(step, states, way);
        let ways = [
            (step.way(true), open(true), "yes"),
            (step.way(false), open(false), "no"),
        ];
        let columns = self.columns(&ways, axis, branch);
        self.across(columns.left, columns.right, branch);
        self.across(columns.left, columns.right, columns.bottom);
        self.line(axis, columns.bottom, columns.bottom + STUB);
        columns.bottom + STUB
    }

    fn parallel(&mut self, step: &Step, axis: i32, top: i32, is_on_the_way: bool) -> i32 {
        let ways = step.ways();
        let ways: Vec<_> = ways.into_iter().map(|way| (way, is_on_the_way, "")).collect();
        let width = step_size(step).width;
        let columns = self.columns(&ways, axis, top + BAR_HEIGHT);
        let look = look(step, self.states, is_on_the_way);
        let title = title(step, progress(step, self.states, look));
        for y in [top, columns.bottom] {
            self.shapes.push(html! {
                g class=(format!("step {}", look.class())) {
                    title { (title) }
                    rect.bar x=(axis - width / 2) y=(y) width=(width) height=(BAR_HEIGHT) rx=(BAR_HEIGHT / 2) {}
                }
            });
        }
        columns.bottom + BAR_HEIGHT
    }

    /// Draws ways side by side, from a line at the top to one at the bottom.
    fn columns(&mut self, ways: &[(&[Step], bool, &str)], axis: i32, top: i32) -> Columns {
        let steps: Vec<_> = ways.iter().map(|(steps, ..)| *steps).collect();
        let size = ways_size(&steps);
        let bottom = top + size.height;
        let mut x = axis - size.width / 2;
        let mut columns = Columns {
            left: axis,
            right: axis,
            bottom,
        };
        for (steps, is_on_the_way, label) in ways {
            let width = sequence_size(steps).width;
            let middle = x + width / 2;
            x += width + ASIDE;
            columns.left = columns.left.min(middle);
            columns.right = columns.right.max(middle);
            let end = match steps.is_empty() {
                true => top,
                false => {
                    self.arrow(middle, top, top + GAP);
                    self.sequence(steps, middle, top + GAP, *is_on_the_way)
                }
            };
            self.line(middle, end, bottom);
            if !label.is_empty() {
                self.shapes
                    .push(html! { text.label x=(middle + 8) y=(top + 16) { (label) } });
            }
        }
        columns
    }

    /// A step's box: with pointed sides where it asks something.
    fn boxed(&mut self, step: &Step, axis: i32, top: i32, is_on_the_way: bool) {
        let look = look(step, self.states, is_on_the_way);
        let word = progress(step, self.states, look);
        let asks = matches!(step.kind, StepKind::If { .. } | StepKind::Approval { .. });
        let left = axis - BOX_WIDTH / 2;
        let caption = match word {
            Some(word) => format!("{} · {word}", kind(step)),
            None => kind(step).to_owned(),
        };
        let words = wrapped(&words(step));
        self.shapes.push(html! {
            g class=(format!("step {}", look.class())) {
                title { (title(step, word)) }
                @if asks { polygon.shape points=(pointed(left, top)) {} }
                @else { rect.shape x=(left) y=(top) width=(BOX_WIDTH) height=(BOX_HEIGHT) rx="10" {} }
                (lettering(left + POINT, top, BOX_WIDTH - 2 * POINT, BOX_HEIGHT, Some(&caption), &words))
            }
        });
    }

    /// The beginning or the end.
    fn edge(&mut self, axis: i32, top: i32, width: i32, height: i32, lines: &[String], title: &str) {
        let left = axis - width / 2;
        self.shapes.push(html! {
            g.edge {
                title { (title) }
                rect.shape x=(left) y=(top) width=(width) height=(height) rx=(height / 2) {}
                (lettering(left, top, width, height, None, lines))
            }
        });
    }
}

/// Where ways stand: the middle of the first and of the last one, and where they end.
struct Columns {
    left: i32,
    right: i32,
    bottom: i32,
}

fn pointed(left: i32, top: i32) -> String {
    let (right, bottom, middle) = (left + BOX_WIDTH, top + BOX_HEIGHT, top + BOX_HEIGHT / 2);
    let (inner_left, inner_right) = (left + POINT, right - POINT);
    format!(
        "{inner_left},{top} {inner_right},{top} {right},{middle} {inner_right},{bottom} {inner_left},{bottom} {left},{middle}"
    )
}

/// Lines of text around the middle of a box. What is wider than the box is cut off there: how wide a letter is, is not known here.
fn lettering(
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    caption: Option<&str>,
    lines: &[String],
) -> Markup {
    const LINE: i32 = 17;
    /// From the middle of a line of letters down to where they stand.
    const DOWN: i32 = 5;
    let all = lines.len() + usize::from(caption.is_some());
    let first = height / 2 - LINE * (i32::try_from(all).unwrap_or(0) - 1) / 2 + DOWN;
    let places = (0..).map(|number| first + number * LINE);
    let captions = caption.into_iter().map(|text| (text, "caption"));
    let lines = captions.chain(lines.iter().map(|text| (text.as_str(), "words")));
    html! {
        svg x=(left) y=(top) width=(width) height=(height) {
            @for ((text, class), y) in lines.zip(places) { text class=(class) x=(width / 2) y=(y) { (text) } }
        }
    }
}

/// The whole of what a box says.
fn title(step: &Step, progress: Option<&str>) -> String {
    let id = visible(&step.id);
    let told = format!("{id}: {}: {}", kind(step), words(step));
    progress.map_or(told.clone(), |word| format!("{told} ({word})"))
}

/// A text in two lines at most, cut off where it is longer.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        // The second line is the last one: it takes the rest.
        if lines.is_empty() && !line.is_empty() && halves(&line) + halves(" ") + halves(word) > HALVES {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.into_iter().map(|line| cut(&line)).collect()
}

fn cut(line: &str) -> String {
    if halves(line) <= HALVES {
        return line.to_owned();
    }
    let mut width = halves("…");
    let fits = line.chars().take_while(|letter| {
        width += letter_halves(*letter);
        width <= HALVES
    });
    let fits: String = fits.collect();
    format!("{}…", fits.trim_end_matches(['.', ',', ' ']))
}

fn halves(text: &str) -> usize {
    text.chars().map(letter_halves).sum()
}

/// About how wide a letter is: of no font is it known here.
fn letter_halves(letter: char) -> usize {
    let usual = 2 * letter.width().unwrap_or(0);
    match letter {
        'M' | 'W' | 'm' | 'w' | '@' => usual + 2,
        letter if letter.is_uppercase() => usual + 1,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn what_does_not_fit_in_two_lines_is_cut_by_its_width() {
        let short = "Scan Hash on FILEHASH";
        assert_eq!(wrapped(short), [short]);
        let long = "An analyst has looked at the files. Then, and only then, the case is closed.";
        assert_eq!(
            wrapped(long),
            ["An analyst has looked at the", "files. Then, and only then…"]
        );
        assert_eq!(wrapped(&"W".repeat(40)), [format!("{}…", "W".repeat(14))]);
        assert_eq!(wrapped(&"世".repeat(40)), [format!("{}…", "世".repeat(14))]);
        assert_eq!(wrapped(""), [""]);
    }
}
