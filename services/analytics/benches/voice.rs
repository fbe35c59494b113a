//! How often texts are read rightly: language and sentiment against labels. Not a test: it prints figures for the documentation.
//!
//! ```text
//! cargo bench -p cx-analytics --bench voice -- sentences LANGUAGE FILE…
//! cargo bench -p cx-analytics --bench voice -- reviews LANGUAGE FILE.csv TEXT_COLUMN SCORE_COLUMN
//! ```
//!
//! `sentences` reads lines of a text, a tab and 0 or 1 (as in UCI 331, "sentiment labelled sentences"), which nothing is learned
//! from. `reviews` reads scores from 1 to 5, learns from four fifths of the rows and judges the rest: 1 and 2 complain, 4 and 5 praise.

use cx_analytics::metrics::intervals::wilson;
use cx_analytics::voice::{Analyser, Annotation, Polarity, Sample, train};
use std::time::Instant;

/// A text with what is known of it.
struct Labelled {
    text: String,
    positive: bool,
}

fn main() {
    let mut asked = std::env::args().skip(1).filter(|a| a != "--bench");
    let (what, language) = (asked.next().unwrap_or_default(), asked.next().unwrap_or_default());
    let rest: Vec<String> = asked.collect();
    match (what.as_str(), rest.as_slice()) {
        ("sentences", files @ [_, ..]) => {
            let labelled: Vec<Labelled> = files.iter().flat_map(|file| sentences(file)).collect();
            judge(&Analyser::default(), &language, &labelled);
        }
        ("reviews", [file, text, score]) => reviews(&language, file, text, score),
        _ => println!(
            "sentences LANGUAGE FILE… or reviews LANGUAGE FILE.csv TEXT_COLUMN SCORE_COLUMN"
        ),
    }
}

fn sentences(file: &str) -> Vec<Labelled> {
    let all = std::fs::read_to_string(file).expect("a file of sentences");
    all.lines()
        .filter_map(|line| line.rsplit_once('\t'))
        .map(|(text, label)| Labelled {
            text: text.trim().to_owned(),
            positive: label.trim() == "1",
        })
        .collect()
}

fn reviews(language: &str, file: &str, text: &str, score: &str) {
    let mut reader = csv::Reader::from_path(file).expect("a file with a heading");
    let heading = reader.headers().expect("a heading").clone();
    let place = |name: &str| heading.iter().position(|h| h == name).expect("the column");
    let (text, score) = (place(text), place(score));
    let (mut learn, mut held_out) = (Vec::new(), Vec::new());
    for (number, row) in reader.records().enumerate() {
        let row = row.expect("a row");
        let (text, score) =
            (row[text].trim().to_owned(), row[score].parse::<i32>().expect("a score"));
        if text.is_empty() {
            continue;
        }
        let positive = (score != 3).then_some(score > 3);
        if number % 5 == 0 {
            held_out.extend(positive.map(|positive| Labelled { text, positive }));
        } else {
            let id = number.to_string();
            learn.push(Sample { customer_id: id.clone(), interaction_id: id, text, positive });
        }
    }
    let begun = Instant::now();
    let analyser = train(learn);
    println!(
        "learned in {:.2} s: {:?}, usual {:?}",
        begun.elapsed().as_secs_f64(),
        analyser.report(),
        analyser.usual()
    );
    judge(&analyser, language, &held_out);
    println!("languages without what was learned:");
    judge(&Analyser::default(), language, &held_out);
}

fn judge(analyser: &Analyser, language: &str, labelled: &[Labelled]) {
    let begun = Instant::now();
    let read: Vec<(Annotation, bool)> =
        labelled.iter().map(|l| (analyser.annotate(&l.text), l.positive)).collect();
    let each = begun.elapsed().as_secs_f64() / read.len() as f64 * 1e6;
    println!("{} texts, {each:.0} µs each", read.len());
    let said = read.iter().filter(|(a, _)| a.language.is_some()).count();
    let right = read.iter().filter(|(a, _)| a.language == Some(language)).count();
    share("language told", said, read.len());
    share("language right", right, read.len());
    share("language right where told", right, said);
    let read: Vec<_> =
        read.iter().filter_map(|(a, positive)| a.sentiment.map(|s| (s, *positive))).collect();
    let positive = read.iter().filter(|(_, positive)| *positive).count();
    share("the commoner label", positive.max(read.len() - positive), read.len());
    let right =
        read.iter().filter(|(s, positive)| (s.score > 0) == *positive && s.score != 0).count();
    share("sign right, zero is wrong", right, read.len());
    let decided: Vec<_> = read.iter().filter(|(s, _)| s.polarity != Polarity::Neutral).collect();
    let right = decided
        .iter()
        .filter(|(s, positive)| (s.polarity == Polarity::Positive) == *positive)
        .count();
    share("decided", decided.len(), read.len());
    share("right where decided", right, decided.len());
    for percent in (50..100).step_by(10) {
        let bin: Vec<_> = (read.iter())
            .filter(|(s, _)| {
                (percent..percent + 10).contains(&s.confidence.min(99)) && s.score != 0
            })
            .collect();
        let right = bin.iter().filter(|(s, positive)| (s.score > 0) == *positive).count();
        share(&format!("  confidence {percent}-{}", percent + 9), right, bin.len());
    }
}

fn share(what: &str, hits: usize, of: usize) {
    let (p, n) = (hits as f64 / of as f64, of as f64);
    let (lower, upper) = if of > 0 { wilson(p, n, 0.95) } else { (0.0, 1.0) };
    println!(
        "  {what:<28} {hits:>5} of {of:>5}  {:.1} % ({:.1}-{:.1})",
        100.0 * p,
        100.0 * lower,
        100.0 * upper
    );
}
