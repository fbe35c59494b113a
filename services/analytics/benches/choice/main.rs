//! What the choice of k, the judgement of structure and the treatment of values are worth, on data whose truth is
//! known. Not a test: it prints figures for the documentation, and is how a new rule has to show that it is
//! better.
//!
//! ```text
//! cargo bench -p cx-analytics --bench choice -- [mixtures|blobs|noise|population|answers|scaling|seconds]… [table FILE…]
//! ```
//!
//! `table` reads comma-separated numbers without a heading, scaled already, and prints what is chosen for them.

mod experiments;
mod mixtures;
mod population;
mod rules;

fn main() {
    let mut asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if asked.is_empty() {
        let all = ["mixtures", "blobs", "noise", "population", "answers", "scaling", "seconds"];
        asked = all.map(str::to_owned).into();
    }
    let mut asked = asked.into_iter();
    while let Some(what) = asked.next() {
        match what.as_str() {
            "mixtures" => rules::mixtures(),
            "blobs" => rules::blobs(),
            "noise" => rules::noise(),
            "population" => experiments::population(),
            "answers" => experiments::answers(),
            "scaling" => experiments::scaling(),
            "seconds" => rules::seconds(),
            "table" => asked.by_ref().for_each(|file| rules::table(&file)),
            other => println!("there is no experiment {other:?}"),
        }
    }
}
