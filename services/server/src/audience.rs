//! A persona's members as an audience, read page by page: what the API and the command line share.

use cx_analytics::audience::{Left, Member, Platform, member};
use cx_datastore::{Result, Store};
use std::collections::{HashMap, VecDeque};

/// Customers read at once: memory does not grow with the number of members.
const PAGE: u64 = 1000;

/// Members of a persona on their way to an advertising platform, by customer id.
pub struct Audience {
    store: Store,
    segmentation_id: String,
    persona: u16,
    platform: Platform,
    /// The last customer read; none after the last page.
    after: Option<String>,
    /// Those of the page at hand that are not told yet.
    waiting: VecDeque<std::result::Result<Member, Left>>,
    without_consent: i64,
    without_identifier: i64,
    ended: bool,
}

/// Some members, and who was left out until here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The members.
    pub members: Vec<Member>,
    /// Members of the persona so far who did not agree, or objected.
    pub without_consent: i64,
    /// Members of the persona so far who agreed, and have no identifier that can be used.
    pub without_identifier: i64,
}

impl Audience {
    /// Begins with a persona of a segmentation, by its place.
    pub fn new(store: Store, segmentation_id: String, persona: u16, platform: Platform) -> Self {
        Self {
            store,
            segmentation_id,
            persona,
            platform,
            // No id is empty, so that everything comes after "".
            after: Some(String::new()),
            waiting: VecDeque::new(),
            without_consent: 0,
            without_identifier: 0,
            ended: false,
        }
    }

    /// The next `most` members. Only the last part has fewer, perhaps none; its counts are those of the whole. None
    /// after the last part.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn next(&mut self, most: usize) -> Result<Option<Part>> {
        if self.ended {
            return Ok(None);
        }
        let mut members = Vec::with_capacity(most.min(PAGE as usize));
        while members.len() < most {
            match self.waiting.pop_front() {
                Some(Ok(member)) => members.push(member),
                Some(Err(Left::WithoutConsent)) => self.without_consent += 1,
                Some(Err(Left::WithoutIdentifier)) => self.without_identifier += 1,
                None if self.read().await? => {}
                None => {
                    self.ended = true;
                    break;
                }
            }
        }
        Ok(Some(Part {
            members,
            without_consent: self.without_consent,
            without_identifier: self.without_identifier,
        }))
    }

    /// Reads the next page of customers; says whether there was any.
    async fn read(&mut self) -> Result<bool> {
        let Some(after) = &self.after else { return Ok(false) };
        let (id, only) = (&self.segmentation_id, Some(self.persona));
        let page = self.store.assignments_list(id, only, Some(after), PAGE).await?;
        let full = page.len() as u64 == PAGE;
        self.after = page.last().filter(|_| full).map(|last| last.customer_id.clone());
        let ids: Vec<String> = page.into_iter().map(|found| found.customer_id).collect();
        let known = self.store.customers_get(&ids).await?;
        let mut known: HashMap<String, _> = (known.into_iter())
            .map(|customer| (customer.customer_id.clone(), member(&customer, self.platform)))
            .collect();
        // Of whom only interactions are known, nobody knows that they agreed.
        let told = |id: &String| known.remove(id).unwrap_or(Err(Left::WithoutConsent));
        self.waiting.extend(ids.iter().map(told));
        Ok(!ids.is_empty())
    }
}
