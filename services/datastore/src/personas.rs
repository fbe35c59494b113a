//! Personas as they were found, and the names that people gave them.
//!
//! A persona never changes after its segmentation was published. The customers who stand for it are kept apart, so that
//! erasing one takes them away; and so are given names, by persona id, which outlive any segmentation.

use crate::assignments::NO_OBJECTION;
use crate::connect::Column;
use crate::error::{Error, Result};
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::personas::Persona;
use sea_orm::{DatabaseTransaction, QueryResult};

/// A persona of a segmentation, with what people call it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPersona {
    /// The segmentation.
    pub segmentation_id: String,
    /// The instant before which interactions were counted.
    pub as_of: Timestamp,
    /// Its place in the segmentation, by which assignments name it.
    pub ordinal: u16,
    /// What was found.
    pub persona: Persona,
    /// The given name and description.
    pub label: Label,
}

/// What people call a persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The given name, if any.
    pub name: Option<String>,
    /// The given description, if any.
    pub description: Option<String>,
    /// Changes whenever one of them changes.
    pub etag: String,
}

impl Label {
    fn new(name: Option<String>, description: Option<String>) -> Self {
        let mut hash = blake3::Hasher::new();
        for text in [&name, &description] {
            // The length in front tells ("a", "b") from ("ab", "").
            let length = text.as_ref().map_or(u64::MAX, |text| text.len() as u64);
            hash.update(&length.to_le_bytes())
                .update(text.as_deref().unwrap_or_default().as_bytes());
        }
        let etag = hash.finalize().to_hex()[..16].to_owned();
        Self { name, description, etag }
    }
}

/// A change of a label: an absent field stays as it is, an empty one is taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelChange {
    /// The name.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
}

impl LabelChange {
    fn applied_to(&self, label: Label) -> Label {
        let changed = |change: &Option<String>, old| match change.as_deref() {
            None => old,
            Some("") => None,
            Some(text) => Some(text.to_owned()),
        };
        Label::new(changed(&self.name, label.name), changed(&self.description, label.description))
    }
}

/// Roles of the customers who stand for a persona.
const TYPICAL: i16 = 1;
const EDGE: i16 = 2;

/// Times a change is tried again where somebody else was a moment earlier.
const RETRIES: u32 = 10;

const SELECT: &str =
    "SELECT p.segmentation_id, s.as_of, p.ordinal, p.profile, l.name, l.description
                      FROM persona p
                      JOIN segmentation s ON s.segmentation_id = p.segmentation_id
                      LEFT JOIN persona_label l ON l.persona_id = p.persona_id
                      WHERE p.segmentation_id = $1";

impl Store {
    /// All personas of a segmentation, largest first; their places are their ordinals.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn personas_list(&self, segmentation_id: &str) -> Result<Vec<StoredPersona>> {
        let sql = format!("{SELECT} ORDER BY p.ordinal");
        let rows = sql::query_all(self.read(), &sql, vec![segmentation_id.into()]).await?;
        let personas = rows.iter().map(stored).collect::<Result<Vec<_>>>()?;
        self.with_examples(segmentation_id, personas).await
    }

    /// What a persona is called, as it was named last: also one that is only in the log of changes any more, which has no name where
    /// nobody gave it one. None where there never was such a persona.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn persona_called(&self, persona_id: &str) -> Result<Option<String>> {
        if let Some(latest) = self.persona_latest(persona_id).await? {
            return Ok(Some(latest.label.name.unwrap_or(latest.persona.name)));
        }
        let text = "SELECT COALESCE((SELECT name FROM persona_label WHERE persona_id = $1), '')
                    FROM membership_change WHERE to_persona = $1 LIMIT 1";
        let row = sql::query_one(self.read(), text, vec![persona_id.into()]).await?;
        row.map(|row| Columns::of(&row).take()).transpose()
    }

    /// A persona in the latest segmentation that has it.
    async fn persona_latest(&self, persona_id: &str) -> Result<Option<StoredPersona>> {
        let sql = "SELECT p.segmentation_id FROM persona p
                   JOIN segmentation s ON s.segmentation_id = p.segmentation_id
                   WHERE p.persona_id = $1 ORDER BY s.as_of DESC, p.segmentation_id DESC LIMIT 1";
        let Some(row) = sql::query_one(self.read(), sql, vec![persona_id.into()]).await? else {
            return Ok(None);
        };
        self.persona_get(&Columns::of(&row).take::<String>()?, persona_id).await
    }

    /// One persona of a segmentation.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn persona_get(
        &self,
        segmentation_id: &str,
        persona_id: &str,
    ) -> Result<Option<StoredPersona>> {
        let sql = format!("{SELECT} AND p.persona_id = $2");
        let values = vec![segmentation_id.into(), persona_id.into()];
        let Some(row) = sql::query_one(self.read(), &sql, values).await? else { return Ok(None) };
        let personas = self.with_examples(segmentation_id, vec![stored(&row)?]).await?;
        Ok(personas.into_iter().next())
    }

    /// Fills in the customers who stand for personas: those who neither were erased nor objected since.
    async fn with_examples(
        &self,
        segmentation_id: &str,
        mut personas: Vec<StoredPersona>,
    ) -> Result<Vec<StoredPersona>> {
        let sql = format!(
            "SELECT a.persona_id, a.role, a.customer_id FROM persona_example a
             WHERE a.segmentation_id = $1 AND {NO_OBJECTION} ORDER BY a.persona_id, a.role, a.place"
        );
        for row in sql::query_all(self.read(), &sql, vec![segmentation_id.into()]).await? {
            let mut columns = Columns::of(&row);
            let (persona_id, role): (String, i16) = (columns.take()?, columns.take()?);
            let of = personas.iter_mut().find(|stored| stored.persona.persona_id == persona_id);
            let Some(StoredPersona { persona, .. }) = of else { continue };
            match role {
                TYPICAL => persona.typical_customer_ids.push(columns.take()?),
                _ => persona.edge_customer_id = columns.take()?,
            }
        }
        Ok(personas)
    }

    /// Changes what a persona is called, if its etag is still `etag`; whatever it is where `etag` is empty. The caller
    /// has checked that the persona exists.
    ///
    /// # Errors
    /// [`Error::EtagMismatch`], [`Error::Unavailable`].
    pub async fn persona_label_set(
        &self,
        persona_id: &str,
        change: &LabelChange,
        etag: &str,
        now: Timestamp,
    ) -> Result<Label> {
        for _ in 0..RETRIES {
            // None: somebody changed it between our read and our write. Another look tells whether that is a refusal.
            let set =
                async |tx: &DatabaseTransaction| label_set(tx, persona_id, change, etag, now).await;
            if let Some(label) = self.write(set).await? {
                return Ok(label);
            }
        }
        Err(Error::Overloaded)
    }
}

/// None where another transaction was faster.
async fn label_set(
    tx: &DatabaseTransaction,
    persona_id: &str,
    change: &LabelChange,
    etag: &str,
    now: Timestamp,
) -> Result<Option<Label>> {
    let none = Label::new(None, None);
    sql::execute(
        tx,
        "INSERT INTO persona_label (persona_id, etag, updated_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        vec![persona_id.into(), none.etag.into(), now.micros().into()],
    )
    .await?;
    let sql = "SELECT name, description FROM persona_label WHERE persona_id = $1";
    let row = sql::query_one(tx, sql, vec![persona_id.into()])
        .await?
        .ok_or(Error::Corrupt { what: "label" })?;
    let old = label(&mut Columns::of(&row))?;
    if !etag.is_empty() && etag != old.etag {
        return Err(Error::EtagMismatch { etag: old.etag });
    }
    let before = old.etag.clone();
    let new = change.applied_to(old);
    let touched = sql::execute(
        tx,
        "UPDATE persona_label SET name = $2, description = $3, etag = $4, updated_at = $5 WHERE persona_id = $1 AND etag = $6",
        vec![
            persona_id.into(),
            new.name.clone().into(),
            new.description.clone().into(),
            new.etag.clone().into(),
            now.micros().into(),
            before.into(),
        ],
    )
    .await?;
    Ok((touched == 1).then_some(new))
}

fn label(columns: &mut Columns<'_>) -> Result<Label> {
    let name = columns.take()?;
    Ok(Label::new(name, columns.take()?))
}

fn stored(row: &QueryResult) -> Result<StoredPersona> {
    let mut columns = Columns::of(row);
    Ok(StoredPersona {
        segmentation_id: columns.take()?,
        as_of: columns.instant()?,
        ordinal: ordinal(columns.take()?)?,
        persona: parsed(&columns.take::<String>()?, "profile of a persona")?,
        label: label(&mut columns)?,
    })
}

/// A persona's place, as stored.
pub(crate) fn ordinal(stored: i16) -> Result<u16> {
    u16::try_from(stored).map_err(|_| Error::Corrupt { what: "place of a persona" })
}

/// The rows of a segmentation's personas, without the customers who stand for them.
pub(crate) fn columns(
    segmentation_id: &str,
    personas: &[Persona],
) -> Result<Vec<(&'static str, Column)>> {
    let nameless = |persona: &Persona| Persona {
        typical_customer_ids: Vec::new(),
        edge_customer_id: String::new(),
        ..persona.clone()
    };
    let profiles: Result<Vec<String>> =
        personas.iter().map(|persona| json(&nameless(persona), "profile")).collect();
    Ok(vec![
        ("segmentation_id", Column::Text(vec![segmentation_id.to_owned(); personas.len()])),
        (
            "persona_id",
            Column::Text(personas.iter().map(|persona| persona.persona_id.clone()).collect()),
        ),
        ("ordinal", Column::I16((0..personas.len()).map(|place| place as i16).collect())),
        ("customers", Column::I64(personas.iter().map(|persona| persona.customers).collect())),
        ("profile", Column::Text(profiles?)),
    ])
}

/// The rows of the customers who stand for them, and the ids of these customers.
pub(crate) fn example_columns<'a>(
    segmentation_id: &str,
    personas: &'a [Persona],
) -> (Vec<(&'static str, Column)>, Vec<&'a str>) {
    let mut examples = Vec::new();
    for persona in personas {
        let typical = persona.typical_customer_ids.iter().zip(0..);
        examples.extend(typical.map(|(id, place)| (persona, id.as_str(), TYPICAL, place)));
        if !persona.edge_customer_id.is_empty() {
            examples.push((persona, persona.edge_customer_id.as_str(), EDGE, 0));
        }
    }
    let of = |pick: fn(&(&'a Persona, &'a str, i16, i16)) -> String| {
        Column::Text(examples.iter().map(pick).collect())
    };
    let columns = vec![
        ("customer_id", of(|example| example.1.to_owned())),
        ("segmentation_id", Column::Text(vec![segmentation_id.to_owned(); examples.len()])),
        ("persona_id", of(|example| example.0.persona_id.clone())),
        ("role", Column::I16(examples.iter().map(|example| example.2).collect())),
        ("place", Column::I16(examples.iter().map(|example| example.3).collect())),
    ];
    (columns, examples.iter().map(|example| example.1).collect())
}
