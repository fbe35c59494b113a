"""Calls every RPC once with grpcurl, as an engineer with a terminal would, and fails where one was not called.

Usage: every_rpc.py GRPCURL HOST:PORT, on a server into which reflection.py has just put its customers.
"""

import json
import re
import subprocess
import sys
import time

GRPCURL, ADDRESS = sys.argv[1:]
called = set()


def grpcurl(*arguments, stdin=None):
    done = subprocess.run([GRPCURL, "-plaintext", *arguments], input=stdin, capture_output=True, text=True, timeout=120)
    late = "-max-time" in arguments and "DeadlineExceeded" in done.stderr
    assert done.returncode == 0 or late, f"grpcurl {' '.join(arguments)}: {done.stderr}{done.stdout}"
    return done.stdout


def call(method, *requests, seconds=None):
    """The answers of an RPC to one request, or to several on a client stream; of one without an end those of some seconds."""
    called.add(method)
    deadline = ["-max-time", str(seconds)] if seconds else []
    text = grpcurl(*deadline, "-d", "@", ADDRESS, f"cx.v1.{method}", stdin="\n".join(map(json.dumps, requests or [{}])))
    answers, decoder = [], json.JSONDecoder()
    while text.strip():
        answer, end = decoder.raw_decode(text.lstrip())
        answers.append(answer)
        text = text.lstrip()[end:]
    print(f"  {method}: {len(answers)} message(s)")
    return answers


def listed():
    """Every RPC of every cx.v1 service, from reflection; each must be described with a request that exists."""
    found = set()
    for service in grpcurl(ADDRESS, "list").split():
        description = grpcurl(ADDRESS, "describe", service)
        if not service.startswith("cx.v1."):
            continue
        for rpc, request in re.findall(r"rpc (\w+) \( (?:stream )?(\S+) \)", description):
            grpcurl(ADDRESS, "describe", request)
            found.add(f"{service.removeprefix('cx.v1.')}/{rpc}")
    return found


def record(name):
    return {
        "customer_id": "grpcurl-1",
        "interaction_id": name,
        "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600)),
        "channel": "CHANNEL_CHAT",
        "survey": {"kind": "KIND_NPS_RELATIONAL", "score": 9},
    }


def ingest_and_customers():
    assert call("IngestService/IngestInteractions", {"interactions": [record("a")]})[0]["summary"]["accepted"] == "1"
    acknowledged = call(
        "IngestService/StreamInteractions",
        {"batch_id": 1, "interactions": [record("a"), record("b")]},
        {"batch_id": 2, "interactions": [record("c")]},
    )
    assert [(answer["batchId"], answer["summary"].get("accepted")) for answer in acknowledged] == [("1", "1"), ("2", "1")], acknowledged
    customer = {"customer_id": "grpcurl-1", "country": "DE", "attributes": {"newsletter": "yes"}}
    assert call("CustomerService/UpsertCustomers", {"customers": [customer]})[0]["written"] == "1"
    got = call("CustomerService/GetCustomer", {"customer_id": "grpcurl-1"})[0]
    assert got["customer"]["country"] == "DE" and got["activity"]["interactions"] == "3", got
    assert call("CustomerService/ListCustomers", {"page_size": 1})[0]["customers"]
    timeline = call("CustomerService/ListInteractions", {"customer_id": "grpcurl-1", "page_size": 2})[0]
    assert len(timeline["interactions"]) == 2 and timeline["nextPageToken"], timeline
    exported = call("CustomerService/ExportCustomer", {"customer_id": "grpcurl-1"})
    assert "customer" in exported[0] and len(exported[1]["interactions"]["interactions"]) == 3, exported
    erased = call("CustomerService/EraseCustomer", {"customer_id": "grpcurl-1", "confirm": "grpcurl-1"})[0]
    assert erased["interactionsErased"] == "3", erased


def segmentations_and_personas():
    run = call("SegmentationService/CreateSegmentation", {"parameters": {"k": 3}, "request_id": "smoke"})[0]["segmentation"]
    watched = call("SegmentationService/WatchSegmentation", {"segmentation_id": run["segmentationId"]})
    assert watched[-1]["segmentation"]["progress"]["state"] == "RUN_STATE_SUCCEEDED", watched[-1]
    assert len(call("SegmentationService/ListSegmentations")[0]["segmentations"]) == 2
    active = call("SegmentationService/ActivateSegmentation", {"segmentation_id": run["segmentationId"]})[0]["segmentation"]
    assert active["active"], active
    assert call("SegmentationService/GetSegmentation")[0]["segmentation"]["report"]["k"] == 3
    personas = call("PersonaService/ListPersonas")[0]["personas"]
    assert len(personas) == 3, personas
    which = {"persona_id": personas[0]["personaId"]}
    named = call("PersonaService/UpdatePersona", {**which, "name": "Regulars", "etag": personas[0]["etag"]})[0]["persona"]
    assert call("PersonaService/GetPersona", which)[0]["persona"]["name"] == named["name"] == "Regulars"
    members = call("PersonaService/ListPersonaMembers", {**which, "page_size": 5})[0]
    exported = call("PersonaService/ExportPersonaMembers", which)
    assert members["totalSize"] == personas[0]["customers"] == str(sum(len(part["members"]) for part in exported)), members


def membership():
    first, second = call("SegmentationService/ListSegmentations")[0]["segmentations"][:2]
    other = {"other_segmentation_id": second["segmentationId"]}
    compared = call("SegmentationService/CompareSegmentations", other)[0]["comparison"]
    assert compared["customersInBoth"] == "400" and compared["otherQuality"]["k"] == second["report"]["k"], compared
    assert {"name": "order_value"}.items() <= call("SegmentationService/ListFeatures")[0]["features"][0].items()
    schedule = {"interval": "86400s", "parameters": {"k": 4}}
    due = call("SegmentationService/UpdateSegmentationSchedule", {"schedule": schedule})[0]["schedule"]
    assert call("SegmentationService/GetSegmentationSchedule")[0]["schedule"] == due and due["parameters"]["k"] == 4, due
    persona = call("PersonaService/ListPersonas")[0]["personas"][0]
    who = persona["typicalCustomerIds"][0]
    batch = call("MembershipService/BatchGetAssignments", {"customer_ids": [who, "nobody"]})[0]
    assert batch["assignments"][0]["personaId"] == persona["personaId"] and batch["notAssigned"] == ["nobody"], batch
    explained = call("MembershipService/ExplainAssignment", {"customer_id": who})[0]["explanation"]
    assert persona["name"] in explained["text"] and explained["contributions"], explained
    changes = call("MembershipService/ListMembershipChanges", {"customer_id": who})[0]["changes"]
    assert changes[-1]["kind"] == "KIND_ENTERED", changes
    # It never ends by itself.
    told = call("MembershipService/WatchMembershipChanges", {"start": "START_EARLIEST"}, seconds=3)
    assert sum(len(message.get("changes", [])) for message in told) >= 400, told[-1]
    audience = {"persona_id": persona["personaId"], "platform": "AUDIENCE_PLATFORM_GOOGLE"}
    assert call("MembershipService/ExportAudience", audience)[-1]["withoutConsent"] == persona["customers"]


def metrics_and_churn():
    assert len(call("MetricsService/ListMetrics")[0]["metrics"]) == 35
    asked = {"metrics": ["METRIC_ORDERS", "METRIC_REVENUE"], "group_by": ["METRIC_DIMENSION_PERSONA"], "bucket": "TIME_BUCKET_MONTH"}
    assert call("MetricsService/QueryMetrics", asked)[0]["results"]
    compared = call("MetricsService/CompareMetrics", {"query": {**asked, "bucket": 0, "metrics": ["METRIC_AVERAGE_ORDER_VALUE"]}, "other_groups": {}})
    assert all(found["test"].startswith("Welch") for found in compared[0]["comparisons"]), compared
    terms = {"horizon_days": 60, "medium_from": 0.5}
    put = call("ChurnService/PutChurnDefinition", {"churn_definition_id": "two_months", "display_name": "Two months", "terms": terms})
    assert put[0]["churnDefinition"]["version"] == "1", put
    assert len(call("ChurnService/ListChurnDefinitions")[0]["churnDefinitions"]) == 2
    definition = call("ChurnService/GetChurnDefinition")[0]["churnDefinition"]
    assert definition["terms"]["horizonDays"] == 90, definition
    assert call("ChurnService/SuggestChurnHorizon")[0]["horizonDays"] > 0
    model = call("ChurnService/TrainChurnModel", {"activate": True})[0]["churnModel"]
    for _ in range(120):
        model = call("ChurnService/GetChurnModel", {"churn_model_id": model["churnModelId"]})[0]["churnModel"]
        if model["progress"]["state"] in ("RUN_STATE_SUCCEEDED", "RUN_STATE_FAILED"):
            break
        time.sleep(0.5)
    assert model["progress"]["state"] == "RUN_STATE_SUCCEEDED", model
    risks = call("ChurnService/ListChurnRisks", {"page_size": 3})[0]["risks"]
    risk = call("ChurnService/GetChurnRisk", {"customer_id": risks[0]["customerId"]})[0]["churnRisk"]
    assert risk["probability"] == risks[0]["probability"], risk
    again = call("ChurnService/ActivateChurnModel", {"churn_model_id": model["churnModelId"]})[0]["churnModel"]
    assert again["active"], again
    exported = [risk for message in call("ChurnService/ExportChurnRisks") for risk in message["risks"]]
    assert len({risk["customerId"] for risk in exported}) == len(exported) and risk["customerId"] in {one["customerId"] for one in exported}
    groups = call("ChurnService/GetChurnDrivers")[0]["groups"]
    assert sum(int(group["customers"]) for group in groups) > 0, groups
    kept = call("ChurnService/ListChurnBacktests")[0]["backtests"]
    assert kept[0]["churnModelId"] == model["churnModelId"] and "quality" not in kept[0], kept
    told = call("ChurnService/WatchChurnRisks", {"start": "START_EARLIEST"}, seconds=3)
    assert sum(len(message.get("changes", [])) for message in told) > 0, told[-1]


def journeys():
    mapped = call("JourneyService/GetJourneyMap", {"by_persona": True, "filter": {"customer_actions_only": True}})[0]["cells"]
    assert {cell["personaName"] for cell in mapped} >= {"Regulars"} and all("dropOff" in cell for cell in mapped), mapped[0]
    paths = call("JourneyService/ListJourneyPaths", {"touchpoint": "JOURNEY_TOUCHPOINT_STAGE", "page_size": 2})[0]
    assert len(paths["paths"]) == 2 and paths["nextPageToken"], paths
    steps = {"from": {"stages": ["JOURNEY_STAGE_PURCHASE"]}, "to": {"kinds": ["INTERACTION_KIND_ORDER"]}, "within": "604800s"}
    converted = call("JourneyService/GetJourneyConversion", steps)[0]["conversions"][0]
    assert int(converted["reached"]) > int(converted["share"]["count"]) > 0, converted
    who = call("PersonaService/ListPersonas")[0]["personas"][0]["typicalCustomerIds"][0]
    touchpoints = call("JourneyService/ListCustomerJourney", {"customer_id": who, "page_size": 1000})[0]["touchpoints"]
    assert touchpoints[0]["place"] == "1" and "sincePrevious" not in touchpoints[0], touchpoints[0]


def alerts():
    condition = {"measure": "ANSWER_MEASURE_NPS_RELATIONAL", "threshold": 10}
    asked = {"rule": {"name": "smoke", "detractor": condition}, "backfill": True, "request_id": "smoke"}
    rule = call("AlertService/CreateAlertRule", asked)[0]["rule"]
    which = {"alert_rule_id": rule["alertRuleId"]}
    assert call("AlertService/GetAlertRule", which)[0]["rule"] == rule
    assert call("AlertService/ListAlertRules")[0]["rules"] == [rule]
    changed = {"rule": {**which, "name": "every answer", "etag": rule["etag"]}, "update_mask": {"paths": ["name"]}}
    assert call("AlertService/UpdateAlertRule", changed)[0]["rule"]["name"] == "every answer"
    person = {"customer_id": "grpcurl-2", "interaction_id": "answer"}
    call("IngestService/IngestInteractions", {"interactions": [{**record("answer"), **person}]})
    told = call("AlertService/WatchAlerts", {"start": "START_EARLIEST", "alert_rule_ids": [rule["alertRuleId"]]}, seconds=4)
    changes = [change for message in told for change in message.get("changes", [])]
    assert [change["kind"] for change in changes] == ["KIND_RAISED"], changes
    alert = call("AlertService/ListAlerts", {**which, "customer_id": "grpcurl-2"})[0]["alerts"][0]
    assert alert["text"] == "relational NPS: 9 on 0 to 10" and alert["alertId"] == changes[0]["alertId"], alert
    one = {"alert_id": alert["alertId"], "actor": "ann"}
    assert call("AlertService/AcknowledgeAlert", {**one, "etag": alert["etag"]})[0]["alert"]["acknowledgedBy"] == "ann"
    assert call("AlertService/AssignAlert", {**one, "assignee": "eve"})[0]["alert"]["assignee"] == "eve"
    resolved = {**one, "outcome": "ALERT_OUTCOME_RECOVERED", "note": "called"}
    assert call("AlertService/ResolveAlert", resolved)[0]["alert"]["state"] == "ALERT_STATE_RESOLVED"
    assert len(call("AlertService/GetAlert", {"alert_id": alert["alertId"]})[0]["changes"]) == 4
    recovery = call("AlertService/GetRecovery", which)[0]["recoveries"][0]
    assert recovery["recoveredShare"]["value"] == 1 and recovery["betterShare"]["censored"] == "1", recovery
    assert call("AlertService/DeleteAlertRule", which)[0] == {}


def feedback():
    said = [
        {**record(f"said-{n}"), "customer_id": f"grpcurl-said-{n}", "review": {"rating": 1, "text": "The delivery was late, this is bad"}}
        for n in range(5)
    ]
    for one in said:
        del one["survey"]
    call("IngestService/IngestInteractions", {"interactions": said})
    words = {"words": ["LATE", "delivery"]}
    for _ in range(120):
        found = call("FeedbackService/ListFeedback", words)[0]["feedback"]
        if all(one.get("analyserId") for one in found):
            break
        time.sleep(0.5)
    assert len(found) == 5 and {one["sentiment"] for one in found} == {"FEEDBACK_SENTIMENT_NEGATIVE"}, found
    themes = call("FeedbackService/ListThemes")[0]["themes"]
    assert "en:deliveri+late" in {theme["themeId"] for theme in themes}, themes
    assert call("FeedbackService/GetFeedbackAnalyser")[0]["analyser"]["analyserId"]


def webhooks():
    made = call("WebhookService/CreateWebhook", {"url": "https://localhost:1/hook", "persona_ids": ["p"], "request_id": "smoke"})[0]
    assert made["secret"].startswith("whsec_") and made["webhook"]["state"] == "STATE_ENABLED", made
    which = {"webhook_id": made["webhook"]["webhookId"]}
    assert call("WebhookService/GetWebhook", which)[0]["webhook"] == made["webhook"]
    assert call("WebhookService/ListWebhooks")[0]["webhooks"] == [made["webhook"]]
    changed = {**which, "filter": {}, "description": "smoke", "etag": made["webhook"]["etag"]}
    assert "personaIds" not in call("WebhookService/UpdateWebhook", changed)[0]["webhook"]
    assert call("WebhookService/RotateWebhookSecret", which)[0]["secret"] != made["secret"]
    tested = call("WebhookService/TestWebhook", which)[0]
    assert "delivered" not in tested and tested["error"] == "the host has no public address", tested
    assert call("WebhookService/ListWebhookDeliveries", which)[0] == {}
    assert "webhook" in call("WebhookService/ReplayWebhookDeliveries", {**which, "dead_letters": True})[0]
    assert call("WebhookService/DeleteWebhook", which)[0] == {}


rpcs = listed()
ingest_and_customers()
segmentations_and_personas()
membership()
metrics_and_churn()
journeys()
feedback()
alerts()
webhooks()
assert rpcs == called, f"never called: {sorted(rpcs - called)}; not listed: {sorted(called - rpcs)}"
print(f"grpcurl: all {len(called)} RPCs answer")
