//! Sources: files as they lie about, plain or compressed, as lines of cells or of JSON. Knows nothing of what they mean.

pub mod csv;
pub mod jsonl;
pub mod parquet;
pub mod whitespace;

use super::mapping::{Delimiter, Dialect};
use super::row::{Column, Row};
use super::{Error, Violation};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest line, in bytes. A quote that is never closed makes the rest of a file one line; memory ends here.
pub const MAX_LINE: usize = 4 << 20;

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines of cells, with a header.
    Csv,
    /// A JSON object on each line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format that a file's name tells.
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name =
            [".gz", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// What comes next in a table.
#[derive(Debug)]
pub enum Next {
    /// Nothing.
    End,
    /// A line, now in the row.
    Line,
    /// A line that cannot be cut into cells.
    Refused(Violation),
}

/// Lines of cells.
pub trait Table {
    /// The names of the columns, where the file says them before the first line.
    fn header(&self) -> Option<&[String]>;
    /// Says which columns are wanted, and where in the row. Refuses one that the file has not.
    fn want(&mut self, columns: &[(String, Column)]) -> Result<(), Error>;
    /// Reads a line into the row.
    fn next(&mut self, row: &mut Row) -> Result<Next, Error>;
    /// The number of the line that was read last, from 1.
    fn line(&self) -> u64;
    /// What stands there.
    fn raw(&self) -> String;
}

/// A file to read, and how far it has been read.
#[derive(Debug, Clone)]
pub struct Input {
    /// Where it lies.
    pub path: PathBuf,
    /// How it is laid out.
    pub format: Format,
    /// Bytes read of it, compressed ones where it is compressed.
    pub bytes: Arc<AtomicU64>,
}

impl Input {
    /// Opens the file as a table.
    pub fn table(&self, dialect: &Dialect) -> Result<Box<dyn Table>, Error> {
        match (self.format, &dialect.delimiter) {
            (Format::Parquet, _) => Ok(Box::new(parquet::ParquetTable::open(self)?)),
            (Format::Jsonl, _) => Ok(Box::new(jsonl::JsonTable::new(jsonl::Lines::open(self)?))),
            (Format::Csv, Delimiter::Whitespace) => {
                Ok(Box::new(whitespace::BlankTable::open(self, dialect)?))
            }
            (Format::Csv, _) => Ok(Box::new(csv::CsvTable::open(self, dialect)?)),
        }
    }

    /// Opens the file as text: decompressed, without a byte order mark.
    pub fn text(&self) -> Result<Box<dyn Read>, Error> {
        let raw = self.counted()?;
        self.plain(raw).map_err(|source| self.unreadable(source))
    }

    /// Opens the file as it is.
    pub fn file(&self) -> Result<File, Error> {
        File::open(&self.path).map_err(|source| self.unreadable(source))
    }

    /// The error of a file that cannot be read.
    pub fn unreadable(&self, source: io::Error) -> Error {
        Error::Read { path: self.path.clone(), message: source.to_string() }
    }

    fn counted(&self) -> Result<impl Read + 'static, Error> {
        Ok(Counted { inner: self.file()?, bytes: self.bytes.clone() })
    }

    fn plain(&self, mut raw: impl Read + 'static) -> io::Result<Box<dyn Read>> {
        let magic = head(&mut raw, 4)?;
        let is = |bytes: &[u8]| magic.starts_with(bytes);
        let (is_gzip, is_zstd, is_parquet) =
            (is(&[0x1f, 0x8b]), is(&[0x28, 0xb5, 0x2f, 0xfd]), is(b"PAR1"));
        let whole = Cursor::new(magic).chain(raw);
        let mut text: Box<dyn Read> = if is_gzip {
            Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(
                1 << 16,
                whole,
            )))
        } else if is_zstd {
            Box::new(zstd::Decoder::new(whole)?)
        } else if is_parquet {
            return Err(io::Error::other("this is a Parquet file; say --format parquet"));
        } else {
            Box::new(whole)
        };
        let mut start = head(&mut text, 3)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(io::Error::other("the text is UTF-16; convert it to UTF-8 first"));
        }
        if start == [0xef, 0xbb, 0xbf] {
            start.clear();
        }
        Ok(Box::new(Cursor::new(start).chain(text)))
    }
}

/// The first bytes of a stream, fewer where it has not so many.
pub fn head(stream: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    stream.take(bytes).read_to_end(&mut head)?;
    Ok(head)
}

/// Places of the wanted columns in a header.
pub fn places(
    path: &Path,
    header: &[String],
    wanted: &[(String, Column)],
) -> Result<Vec<(usize, Column)>, Error> {
    let place =
        |(name, column): &(String, Column)| match header.iter().position(|known| known == name) {
            Some(place) => Ok((place, *column)),
            None => Err(Error::Column {
                path: path.to_owned(),
                column: name.clone(),
                header: header.join(", "),
            }),
        };
    wanted.iter().map(place).collect()
}

/// Names that stand twice get `#2`, `#3` … behind them, so that each column has one of its own.
pub fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut header: Vec<String> = Vec::new();
    for name in names.map(|name| name.trim().to_owned()) {
        let mut own = name.clone();
        let mut times = 1;
        while header.contains(&own) {
            times += 1;
            own = format!("{name}#{times}");
        }
        header.push(own);
    }
    header
}

struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
