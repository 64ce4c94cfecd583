//! The report on paper: A4, in the fonts that every reader has.

mod font;

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use self::font::{Font, encoded, wrapped};
use super::report::{Block, Report, Row};

/// Of the paper, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 48.0;
/// Room at the foot for the number of the page.
const FOOT: f32 = 60.0;
const TEXT: f32 = 9.0;
const LINE: f32 = 11.5;
/// Between a cell's text and its edge.
const PADDING: f32 = 3.0;

pub(super) fn write(report: &Report) -> Vec<u8> {
    let mut paper = Paper::new();
    paper.heading(&report.title, 17.0);
    for block in &report.blocks {
        match block {
            Block::Heading(text) => paper.heading(text, 12.0),
            Block::Facts(facts) => {
                for (name, value) in facts {
                    paper.fact(name, value);
                }
            }
            Block::Text(text) => paper.text(text),
            Block::Table { header, widths, rows } => paper.table(header, widths, rows),
        }
    }
    paper.bound(&report.title)
}

/// Pages that are being written, from the top to the bottom.
struct Paper {
    /// Those that are full.
    full: Vec<Content>,
    page: Content,
    /// Where the next line begins, from the foot of the paper.
    y: f32,
}

impl Paper {
    fn new() -> Self {
        Self {
            full: Vec::new(),
            page: Content::new(),
            y: HEIGHT - MARGIN,
        }
    }

    /// Goes on on the next page where less than that is left.
    fn need(&mut self, height: f32) -> bool {
        let is_new = self.y - height < FOOT;
        if is_new {
            self.full.push(std::mem::replace(&mut self.page, Content::new()));
            self.y = HEIGHT - MARGIN;
        }
        is_new
    }

    fn show(&mut self, bytes: &[u8], font: Font, size: f32, x: f32, y: f32, colour: [f32; 3]) {
        let [red, green, blue] = colour;
        self.page
            .begin_text()
            .set_fill_rgb(red, green, blue)
            .set_font(Name(font.name()), size)
            .next_line(x, y)
            .show(Str(bytes))
            .end_text();
    }

    fn heading(&mut self, text: &str, size: f32) {
        // With some of what follows.
        self.need(size * 4.0);
        self.y -= size * 0.8;
        for line in wrapped(text, Font::Bold, size, WIDTH - 2.0 * MARGIN) {
            self.need(size * 1.3);
            self.y -= size;
            self.show(&line, Font::Bold, size, MARGIN, self.y, BLACK);
            self.y -= size * 0.3;
        }
        self.y -= size * 0.3;
    }

    fn fact(&mut self, name: &str, value: &str) {
        const NAMES: f32 = 90.0;
        let lines = wrapped(value, Font::Plain, TEXT, WIDTH - 2.0 * MARGIN - NAMES);
        for (place, line) in lines.iter().enumerate() {
            self.need(LINE);
            self.y -= LINE;
            if place == 0 {
                self.show(&encoded(name), Font::Plain, TEXT, MARGIN, self.y, GREY);
            }
            self.show(line, Font::Plain, TEXT, MARGIN + NAMES, self.y, BLACK);
        }
    }

    fn text(&mut self, text: &str) {
        for line in wrapped(text, Font::Plain, TEXT, WIDTH - 2.0 * MARGIN) {
            self.need(LINE);
            self.y -= LINE;
            self.show(&line, Font::Plain, TEXT, MARGIN, self.y, BLACK);
        }
    }

    fn table(&mut self, header: &[&'static str], widths: &[u8], rows: &[Row]) {
        let whole = WIDTH - 2.0 * MARGIN;
        let widths: Vec<f32> = widths
            .iter()
            .map(|part| f32::from(*part) / 100.0 * whole)
            .collect();
        self.header(header, &widths);
        for row in rows {
            let cells = row.cells.iter().zip(&widths).enumerate();
            let cells: Vec<Vec<Vec<u8>>> = cells
                .map(|(place, (cell, width))| wrapped(cell, font_of(row, place), TEXT, width - 2.0 * PADDING))
                .collect();
            let lines = cells.iter().map(Vec::len).max().unwrap_or(1);
            // Line by line, so that a row can be longer than a page.
            for line in 0..lines {
                let height = LINE + if line == 0 { PADDING } else { 0.0 };
                if self.need(height + PADDING) {
                    self.header(header, &widths);
                }
                self.y -= height;
                let mut x = MARGIN;
                for (place, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                    if let Some(bytes) = cell.get(line) {
                        let colour = if row.is_loud && place == 0 { RED } else { BLACK };
                        self.show(bytes, font_of(row, place), TEXT, x + PADDING, self.y, colour);
                    }
                    x += width;
                }
            }
            self.y -= PADDING;
            self.rule(0.4);
        }
    }

    fn header(&mut self, header: &[&'static str], widths: &[f32]) {
        self.need(3.0 * LINE);
        self.y -= LINE + PADDING;
        let mut x = MARGIN;
        for (cell, width) in header.iter().zip(widths) {
            self.show(&encoded(cell), Font::Bold, TEXT, x + PADDING, self.y, GREY);
            x += width;
        }
        self.y -= PADDING;
        self.rule(0.8);
    }

    fn rule(&mut self, thickness: f32) {
        let y = self.y;
        self.page
            .set_stroke_gray(0.75)
            .set_line_width(thickness)
            .move_to(MARGIN, y)
            .line_to(WIDTH - MARGIN, y)
            .stroke();
    }

    /// The document, with the numbers of the pages.
    fn bound(self, title: &str) -> Vec<u8> {
        let mut pages = self.full;
        pages.push(self.page);
        let all = pages.len();
        for (place, page) in pages.iter_mut().enumerate() {
            let words = encoded(&format!("page {} of {all}", place + 1));
            let x = WIDTH - MARGIN - Font::Plain.width(&words, 8.0);
            page.begin_text()
                .set_fill_gray(0.4)
                .set_font(Name(Font::Plain.name()), 8.0)
                .next_line(x, FOOT / 2.0)
                .show(Str(&words))
                .end_text();
        }
        let mut numbers = (1..).map(Ref::new);
        let mut next = || numbers.next().unwrap_or(Ref::new(1));
        let (catalog, tree, information) = (next(), next(), next());
        let fonts = [
            (Font::Plain, &b"Helvetica"[..], next()),
            (Font::Bold, b"Helvetica-Bold", next()),
        ];
        let places: Vec<(Ref, Ref)> = pages.iter().map(|_| (next(), next())).collect();
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
        pdf.document_info(information)
            .title(TextStr(title))
            .creator(TextStr("vtsecops workdesk"));
        let count = i32::try_from(places.len()).unwrap_or(i32::MAX);
        pdf.pages(tree)
            .kids(places.iter().map(|(page, _)| *page))
            .count(count);
        for (_, name, own) in fonts {
            pdf.type1_font(own)
                .base_font(Name(name))
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        for ((own, content), page) in places.into_iter().zip(pages) {
            let mut written = pdf.page(own);
            written
                .parent(tree)
                .media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT))
                .contents(content);
            let mut resources = written.resources();
            let mut known = resources.fonts();
            for (font, _, reference) in fonts {
                known.pair(Name(font.name()), reference);
            }
            known.finish();
            resources.finish();
            written.finish();
            pdf.stream(content, page.finish().as_slice());
        }
        pdf.finish()
    }
}

const BLACK: [f32; 3] = [0.1, 0.12, 0.14];
const GREY: [f32; 3] = [0.38, 0.41, 0.45];
const RED: [f32; 3] = [0.66, 0.08, 0.12];

fn font_of(row: &Row, place: usize) -> Font {
    match row.is_loud && place == 0 {
        true => Font::Bold,
        false => Font::Plain,
    }
}
