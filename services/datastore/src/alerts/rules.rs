//! Rules: making, reading and changing them.

use crate::duties::{Duty, held};
use crate::error::{Error, Result};
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::alerts::{Condition, Kind, Scope};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// When it raises an alert.
    pub condition: Condition,
    /// Whom and what it is about.
    pub scope: Scope,
    /// Whether it raises alerts.
    pub enabled: bool,
    /// What happened before raises nothing; the earliest instant there is where everything counts.
    pub since: Timestamp,
    /// Up to where it has looked; none where it has not yet.
    pub seen_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a person changed it last.
    pub updated_at: Timestamp,
    pub(super) revision: i64,
}

impl Rule {
    /// Changes with every change that a person makes.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }
}

/// A rule to be made.
#[derive(Debug, Clone)]
pub struct NewRule {
    /// Its id.
    pub id: String,
    /// The caller's id of the request.
    pub request_id: Option<String>,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// When it raises an alert.
    pub condition: Condition,
    /// Whom and what it is about.
    pub scope: Scope,
    /// Whether everything there is counts, and not only what happens from now on.
    pub backfill: bool,
}

/// A change of a rule: an absent field stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleChange {
    /// What it is called.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// When it raises an alert.
    pub condition: Option<Condition>,
    /// Whom and what it is about.
    pub scope: Option<Scope>,
    /// Whether it raises alerts.
    pub enabled: Option<bool>,
}

const COLUMNS: &str = "alert_rule_id, name, description, condition, scope, enabled, since, seen_until, created_at, updated_at, revision";

/// What this transaction has just written or locked is not there.
const GONE: Error = Error::Corrupt { what: "rule of alerts" };

impl Store {
    /// Makes a rule. The same `request_id` gives the rule that was made for it before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn alert_rule_create(&self, new: &NewRule, now: Timestamp) -> Result<Rule> {
        let since = if new.backfill { Timestamp::MIN } else { now };
        let (condition, scope) = (json(&new.condition, "condition")?, json(&new.scope, "scope")?);
        self.write(async |tx| {
            sql::execute(
                tx,
                "INSERT INTO alert_rule (alert_rule_id, request_id, name, description, condition, scope, enabled, revision, since,
                                         created_at, updated_at)
                 VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7, $8, $8) ON CONFLICT DO NOTHING",
                vec![
                    new.id.as_str().into(),
                    new.request_id.clone().into(),
                    new.name.as_str().into(),
                    new.description.as_str().into(),
                    condition.as_str().into(),
                    scope.as_str().into(),
                    since.micros().into(),
                    now.micros().into(),
                ],
            )
            .await?;
            let text = "SELECT alert_rule_id FROM alert_rule WHERE alert_rule_id = $1 OR request_id = $2";
            let values = vec![new.id.as_str().into(), new.request_id.clone().into()];
            let row = sql::query_one(tx, text, values).await?.ok_or(GONE)?;
            read(tx, &Columns::of(&row).take::<String>()?).await?.ok_or(GONE)
        })
        .await
    }

    /// Reads a rule.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn alert_rule_get(&self, id: &str) -> Result<Option<Rule>> {
        read(self.read(), id).await
    }

    /// A page of rules, latest first; `after` is the last one of the page before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn alert_rules_list(
        &self,
        after: Option<(Timestamp, String)>,
        limit: u64,
    ) -> Result<Vec<Rule>> {
        let (at, id) = after.map_or((i64::MAX, String::new()), |(at, id)| (at.micros(), id));
        let text = format!(
            "SELECT {COLUMNS} FROM alert_rule WHERE (created_at, alert_rule_id) < ($1, $2)
             ORDER BY created_at DESC, alert_rule_id DESC LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![at.into(), id.into(), limit.into()];
        sql::query_all(self.read(), &text, values).await?.iter().map(rule).collect()
    }

    /// Every enabled rule.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn alert_rules_enabled(&self) -> Result<Vec<Rule>> {
        let text =
            format!("SELECT {COLUMNS} FROM alert_rule WHERE enabled = 1 ORDER BY alert_rule_id");
        sql::query_all(self.read(), &text, vec![]).await?.iter().map(rule).collect()
    }

    /// Changes a rule, if its etag is still `etag`; whatever it is where `etag` is empty. None where there is no such rule.
    ///
    /// # Errors
    /// [`Error::EtagMismatch`], [`Error::Invalid`] for a condition of another kind, [`Error::Unavailable`].
    pub async fn alert_rule_update(
        &self,
        id: &str,
        change: &RuleChange,
        etag: &str,
        now: Timestamp,
    ) -> Result<Option<Rule>> {
        self.write(async |tx| {
            let lock = "UPDATE alert_rule SET revision = revision WHERE alert_rule_id = $1";
            if sql::execute(tx, lock, vec![id.into()]).await? == 0 {
                return Ok(None);
            }
            let old = read(tx, id).await?.ok_or(GONE)?;
            let new = changed(&old, change, now)?;
            if new == old {
                return Ok(Some(old));
            }
            if !etag.is_empty() && etag != old.etag() {
                return Err(Error::EtagMismatch { etag: old.etag() });
            }
            write(tx, &new).await?;
            if new.seen_until.is_none() {
                forget_standing(tx, id).await?;
            }
            Ok(Some(new))
        })
        .await
    }

    /// Deletes a rule. What it raised stays. False where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn alert_rule_delete(&self, id: &str) -> Result<bool> {
        self.write(async |tx| {
            let text = "DELETE FROM alert_rule WHERE alert_rule_id = $1";
            let found = sql::execute(tx, text, vec![id.into()]).await?;
            forget_standing(tx, id).await?;
            Ok(found == 1)
        })
        .await
    }

    /// Notes up to where a rule has looked, unless a person changed it meanwhile.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] where `owner` has not the duty any more, [`Error::Unavailable`].
    pub async fn alert_rule_seen(&self, owner: &str, rule: &Rule, until: Timestamp) -> Result<()> {
        self.write(async |tx| {
            held(tx, Duty::Alerts, owner).await?;
            let text =
                "UPDATE alert_rule SET seen_until = $3 WHERE alert_rule_id = $1 AND revision = $2";
            let values = vec![rule.id.as_str().into(), rule.revision.into(), until.micros().into()];
            sql::execute(tx, text, values).await
        })
        .await?;
        Ok(())
    }
}

/// Keeps a rule as it is until this transaction ends; false where a person changed it since it was read.
pub(super) async fn lock(tx: &DatabaseTransaction, rule: &Rule) -> Result<bool> {
    let text = "UPDATE alert_rule SET revision = revision WHERE alert_rule_id = $1 AND revision = $2 AND enabled = 1";
    Ok(sql::execute(tx, text, vec![rule.id.as_str().into(), rule.revision.into()]).await? == 1)
}

/// The rule as it is to be. What it looks for begins anew where that changes.
fn changed(old: &Rule, change: &RuleChange, now: Timestamp) -> Result<Rule> {
    let pick = |new: &Option<String>, old: &String| new.clone().unwrap_or_else(|| old.clone());
    let mut new = Rule {
        name: pick(&change.name, &old.name),
        description: pick(&change.description, &old.description),
        condition: change.condition.clone().unwrap_or_else(|| old.condition.clone()),
        scope: change.scope.clone().unwrap_or_else(|| old.scope.clone()),
        enabled: change.enabled.unwrap_or(old.enabled),
        ..old.clone()
    };
    if new.condition.kind() != old.condition.kind() {
        let field = match new.condition.kind() {
            Kind::Detractor => "rule.detractor",
            Kind::CaseOpenTooLong => "rule.case_open_too_long",
            Kind::HighValueAtRisk => "rule.high_value_at_risk",
            Kind::MetricMoved => "rule.metric_moved",
        };
        return Err(Error::Invalid { field, rule: "is of another kind than the rule" });
    }
    if new == *old {
        return Ok(new);
    }
    let anew =
        new.condition != old.condition || new.scope != old.scope || (new.enabled && !old.enabled);
    if anew {
        (new.since, new.seen_until) = (now, None);
    }
    (new.revision, new.updated_at) = (old.revision + 1, now);
    Ok(new)
}

async fn write(tx: &DatabaseTransaction, new: &Rule) -> Result<()> {
    sql::execute(
        tx,
        "UPDATE alert_rule SET name = $2, description = $3, condition = $4, scope = $5, enabled = $6, since = $7,
                seen_until = $8, updated_at = $9, revision = $10 WHERE alert_rule_id = $1",
        vec![
            new.id.as_str().into(),
            new.name.as_str().into(),
            new.description.as_str().into(),
            json(&new.condition, "condition")?.into(),
            json(&new.scope, "scope")?.into(),
            i16::from(new.enabled).into(),
            new.since.micros().into(),
            new.seen_until.map(Timestamp::micros).into(),
            new.updated_at.micros().into(),
            new.revision.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn forget_standing(tx: &DatabaseTransaction, id: &str) -> Result<()> {
    let text = "DELETE FROM alert_standing WHERE alert_rule_id = $1";
    sql::execute(tx, text, vec![id.into()]).await?;
    Ok(())
}

async fn read(db: &impl ConnectionTrait, id: &str) -> Result<Option<Rule>> {
    let text = format!("SELECT {COLUMNS} FROM alert_rule WHERE alert_rule_id = $1");
    sql::query_one(db, &text, vec![id.into()]).await?.as_ref().map(rule).transpose()
}

fn rule(row: &QueryResult) -> Result<Rule> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    Ok(Rule {
        id: c.take()?,
        name: c.take()?,
        description: c.take()?,
        condition: parsed(&c.take::<String>()?, "condition of a rule")?,
        scope: parsed(&c.take::<String>()?, "scope of a rule")?,
        enabled: c.take::<i16>()? != 0,
        since: c.instant()?,
        seen_until: c.opt_instant()?,
        created_at: c.instant()?,
        updated_at: c.instant()?,
        revision: c.take()?,
    })
}
