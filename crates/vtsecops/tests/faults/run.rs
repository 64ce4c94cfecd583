//! Plays the rows, several at a time: most of them wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::check;
use crate::fault::{Fault, Skipped};
use crate::stage::Stage;

/// Rows that are played at the same time.
const AT_ONCE: usize = 8;

/// How a row ended.
#[derive(Default)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) milliseconds: u128,
    pub(crate) skipped: Option<&'static str>,
    pub(crate) wrong: Vec<String>,
}

/// Plays all, and gives their ends in their order.
pub(crate) fn all(rows: &[Fault]) -> Vec<Ended> {
    let ended: Vec<Mutex<Ended>> = rows.iter().map(|_| Mutex::default()).collect();
    // What may take longest begins first.
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(rows[*place].seconds));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(rows.len()) {
            scope.spawn(|| {
                while let Some(place) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    *ended[*place].lock().unwrap() = play(&rows[*place]);
                }
            });
        }
    });
    ended
        .into_iter()
        .map(|ended| ended.into_inner().unwrap())
        .collect()
}

fn play(row: &Fault) -> Ended {
    let played = catch_unwind(AssertUnwindSafe(|| try_play(row)));
    played.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        Ended {
            wrong: vec![format!("it stopped: {}", words.unwrap_or("without a word"))],
            ..Ended::default()
        }
    })
}

fn try_play(row: &Fault) -> Ended {
    let mut stage = Stage::of(row);
    for arrange in &row.arrange {
        if let Err(Skipped(why)) = arrange(&mut stage) {
            return Ended {
                skipped: Some(why),
                ..Ended::default()
            };
        }
    }
    let begun = Instant::now();
    let told = stage.play(&row.act);
    let mut ended = Ended {
        code: told.code,
        milliseconds: begun.elapsed().as_millis(),
        wrong: check::fault(row, &stage, &told),
        ..Ended::default()
    };
    if let Some(again) = &row.again {
        stage.virustotal.clear_faults();
        if let Some(platform) = &stage.platform {
            platform.clear_faults();
            platform.clear();
        }
        stage.around = crate::around::Around::Nothing;
        (again.mend)(&mut stage);
        let told = stage.play(&row.act);
        ended.wrong.extend(check::again(row, &stage, &told));
    }
    ended
}
