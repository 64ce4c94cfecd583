//! The widgets: what their files hold, and what a real browser makes of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod browser;
mod hostile;
mod many;
mod page;
mod pictures;
mod reports;
mod source;
mod themes;
mod use_of_tables;

use std::sync::Arc;

use browser::Browser;

/// Runs checks one after another in one browser, by name.
macro_rules! run {
    ($browser:ident: $($module:ident::$check:ident),* $(,)?) => {
        $(
            println!("{}: {}", stringify!($module), stringify!($check).replace('_', " "));
            $module::$check(&$browser).await;
        )*
    };
}

async fn checks(browser: Arc<Browser>) {
    run!(browser:
        reports::every_sample_shows_its_verdict_in_every_form,
        reports::engines_are_all_there_detections_first,
        reports::an_address_shows_its_resolutions_and_what_was_detected,
        reports::a_domain_shows_its_categories_and_whois,
        reports::fields_may_be_absent_null_or_of_another_type,
        reports::only_pages_of_virustotal_are_linked,
        page::no_reports_and_unreadable_results_are_said,
        page::text_behind_the_result_is_borne,
        page::a_sandboxed_frame_shows_it,
        use_of_tables::columns_sort_by_click,
        use_of_tables::columns_sort_by_keyboard,
        use_of_tables::rows_are_filtered_by_text_and_by_detection,
        use_of_tables::cards_open_by_keyboard,
        themes::the_system_s_preference_is_followed,
        themes::a_message_changes_the_theme_and_others_do_not,
        themes::text_stands_out_in_both_themes,
        hostile::no_text_becomes_markup_or_runs,
        hostile::misleading_characters_are_written_out,
        hostile::huge_texts_are_shortened_and_open_on_demand,
        hostile::names_of_the_language_are_only_names,
        many::the_worst_of_several_comes_first,
        many::a_thousand_entities_stay_light,
        pictures::nothing_is_wider_than_the_window,
        pictures::every_action_in_both_themes_and_widths,
    );
}

#[test]
fn in_the_browser() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let Some(browser) = Browser::start().await else {
            println!("No chromedriver or no chromium here: the widget tests are skipped.");
            return;
        };
        let browser = Arc::new(browser);
        let outcome = tokio::spawn(checks(Arc::clone(&browser))).await;
        browser.close().await;
        if let Err(error) = outcome {
            std::panic::resume_unwind(error.into_panic());
        }
    });
}
