//! `cx export audience`: files that an advertising platform takes.

use super::{Cell, Format, Kind, Rows, say};
use crate::{audience::Audience as Members, config::Invalid};
use anyhow::Context;
use clap::{Args, ValueEnum};
use cx_analytics::audience::{Member, Platform as For};
use cx_datastore::{JobKind, Store};
use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Members written at once.
const PART: usize = 5000;
/// Key of the setting.
const OUTPUT: &str = "--output (CX_EXPORT_OUTPUT)";

/// Of which persona, for whom, and where to.
#[derive(Debug, Args)]
pub(super) struct Audience {
    /// The persona, of the active segmentation
    #[arg(long, env = "CX_EXPORT_PERSONA", value_name = "ID")]
    persona: String,
    /// For whom to normalise, and to name the columns
    #[arg(long, env = "CX_EXPORT_PLATFORM", value_enum)]
    platform: Platform,
    /// Write files PREFIX-0001.csv and on, or FOLDER/audience-0001.csv and on, instead of all to stdout. Files that are
    /// there already are not written over
    #[arg(long, env = "CX_EXPORT_OUTPUT", value_name = "FOLDER|PREFIX")]
    output: Option<PathBuf>,
    /// Members in a file
    #[arg(
        long,
        env = "CX_EXPORT_CHUNK",
        default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(1..),
        value_name = "MEMBERS"
    )]
    chunk: u64,
}

/// An advertising platform.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Platform {
    /// Google Customer Match: Email, Phone, Country.
    Google,
    /// Meta Custom Audiences: email, phone, country.
    Meta,
}

impl Audience {
    /// Writes the members by customer id.
    pub(super) async fn run(self, store: &Store) -> anyhow::Result<u64> {
        let platform = match self.platform {
            Platform::Google => For::Google,
            Platform::Meta => For::Meta,
        };
        let active = store.active_get(JobKind::Segmentation).await?;
        let active = active.context("no segmentation is active yet: run `cx segment`")?;
        let Some(found) = store.persona_get(&active, &self.persona).await? else {
            let reason =
                format!("there is no persona {:?} in segmentation {active:?}", self.persona);
            return Err(Invalid { key: "--persona (CX_EXPORT_PERSONA)", reason }.into());
        };
        let mut members = Members::new(store.clone(), active, found.ordinal, platform);
        let mut files = Files::new(self.output.as_deref(), self.chunk, platform);
        let mut left = (0, 0);
        // The first file is there whatever comes, so that one sees that nobody is in the audience.
        files.open()?;
        while let Some(part) = members.next(PART).await? {
            left = (part.without_consent, part.without_identifier);
            for member in part.members {
                files.write(member)?;
            }
        }
        let written = files.end()?;
        say(&format!(
            "{} members left out: they did not agree to marketing, or objected to profiling",
            left.0
        ));
        say(&format!("{} members left out: neither address nor number can be used", left.1));
        Ok(written)
    }
}

/// The files of an audience, of which one is open, or standard output.
struct Files {
    /// What the names of all files begin with.
    prefix: Option<PathBuf>,
    chunk: u64,
    platform: For,
    file: Option<Rows>,
    number: u32,
    /// Members in the open file.
    filled: u64,
    written: u64,
}

impl Files {
    fn new(output: Option<&Path>, chunk: u64, platform: For) -> Self {
        let prefix = output.map(|output| match output {
            folder if folder.is_dir() => folder.join("audience"),
            name if name.extension().is_some_and(|of| of == "csv") => name.with_extension(""),
            prefix => prefix.to_owned(),
        });
        // There is one standard output, which is never full.
        let chunk = if prefix.is_some() { chunk } else { u64::MAX };
        Self { prefix, chunk, platform, file: None, number: 0, filled: 0, written: 0 }
    }

    fn open(&mut self) -> anyhow::Result<()> {
        self.close()?;
        self.number += 1;
        let out: Box<dyn Write + Send> = match &self.prefix {
            None => Box::new(BufWriter::new(io::stdout())),
            Some(prefix) => Box::new(BufWriter::new(create(prefix, self.number)?)),
        };
        let columns = self.platform.header().map(|name| (name, Kind::Text));
        self.file = Some(Rows::on(out, Format::Csv, &columns)?);
        self.filled = 0;
        Ok(())
    }

    fn write(&mut self, member: Member) -> anyhow::Result<()> {
        if self.filled == self.chunk {
            self.open()?;
        }
        let cells: Vec<Cell> =
            vec![member.email_sha256.into(), member.phone_sha256.into(), member.country.into()];
        self.filled += 1;
        self.file.as_mut().context("no file is open")?.row(cells)
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if let Some(file) = self.file.take() {
            self.written += file.end()?;
        }
        Ok(())
    }

    /// Ends the last file, and gives the number of members in all.
    fn end(mut self) -> anyhow::Result<u64> {
        self.close()?;
        Ok(self.written)
    }
}

/// Makes a file that is not there yet: were those of an earlier export written over, some of them could be left over, and
/// uploaded with people in them who have left the audience since.
fn create(prefix: &Path, number: u32) -> anyhow::Result<File> {
    let mut name = prefix.as_os_str().to_owned();
    name.push(format!("-{number:04}.csv"));
    let path = PathBuf::from(name);
    match File::create_new(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let why = "is there already; remove the files of the earlier export first";
            Err(Invalid { key: OUTPUT, reason: format!("{} {why}", path.display()) }.into())
        }
        made => made.with_context(|| path.display().to_string()),
    }
}
