use cx_analytics::{synthetic::*, Timestamp};
use std::collections::BTreeMap;
fn main(){let until=Timestamp::from_micros(1_767_225_600_000_000).unwrap();
let t=std::time::Instant::now();
let mut m:BTreeMap<Archetype,[f64;5]>=BTreeMap::new();
for p in Population::new(1,20000,until){let e=m.entry(p.archetype).or_default();e[0]+=1.;e[1]+=p.interactions.len() as f64;
 let o:Vec<_>=p.interactions.iter().filter(|i|matches!(i.payload,cx_analytics::Payload::Order{..})).collect();e[2]+=o.len() as f64;
 let cut=until.days_before(90); let lb=until.days_before(270);
 if o.iter().any(|i|i.occurred_at>=lb&&i.occurred_at<cut){e[3]+=1.; if !o.iter().any(|i|i.occurred_at>=cut){e[4]+=1.}}}
for(a,e) in m{println!("{a:?} n {} rec {:.1} orders {:.1} eligible {} churn {:.2}",e[0],e[1]/e[0],e[2]/e[0],e[3],e[4]/e[3])}
println!("{:?}",t.elapsed());}
