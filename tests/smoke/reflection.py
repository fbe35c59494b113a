"""A client that knows nothing but the address: everything else comes from reflection, through Python's grpcio.

Usage: reflection.py HOST:PORT. Takes interactions in, segments, and lists the personas, as a backend service would.
"""

import random
import sys
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

DAY = 86_400
CHANNELS = ["CHANNEL_WEB", "CHANNEL_MOBILE_APP", "CHANNEL_IN_STORE"]


class Client:
    """Calls any unary or server-streaming RPC by its name, with the message's fields as a dict."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        grpc.channel_ready_future(self.channel).result(timeout=20)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def message(self, name, **fields):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))(**fields)

    def call(self, service, rpc, **fields):
        method = self.pool.FindServiceByName(f"cx.v1.{service}").FindMethodByName(rpc)
        answer = message_factory.GetMessageClass(method.output_type)
        kind = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        request = self.message(method.input_type.full_name, **fields)
        return kind(
            f"/cx.v1.{service}/{rpc}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )(request, timeout=60)


def interactions(now, customers):
    """Two kinds of people: some order often on the web, some seldom in a shop and complain."""
    chance = random.Random(7)
    for number in range(customers):
        loyal = number % 2 == 0
        for step in range(12 if loyal else 3):
            at = now - chance.randrange(1, 300) * DAY - chance.randrange(DAY)
            yield {
                "customer_id": f"smoke-{number:04}",
                "interaction_id": f"order-{step}",
                "occurred_at": {"seconds": at},
                "channel": chance.choice(CHANNELS[:2]) if loyal else "CHANNEL_IN_STORE",
                "stage": "JOURNEY_STAGE_PURCHASE",
                "order": {
                    "order_id": f"{number}-{step}",
                    "total": {"currency_code": "EUR", "amount_minor": chance.randrange(2_000, 9_000) // (1 if loyal else 4)},
                },
            }
        if not loyal:
            yield {
                "customer_id": f"smoke-{number:04}",
                "interaction_id": "complaint",
                "occurred_at": {"seconds": now - chance.randrange(1, 90) * DAY},
                "channel": "CHANNEL_PHONE",
                "complaint": {"topic": "delivery"},
            }


def main(address):
    client = Client(address)
    services = set(client.database.get_services())
    wanted = {f"cx.v1.{noun}Service" for noun in ("Ingest", "Customer", "Segmentation", "Persona", "Metrics", "Churn")}
    assert wanted | {"grpc.health.v1.Health"} <= services, services

    records = list(interactions(int(time.time()), 400))
    for start in range(0, len(records), 500):
        batch = records[start : start + 500]
        summary = client.call("IngestService", "IngestInteractions", interactions=batch).summary
        assert (summary.received, summary.accepted) == (len(batch), len(batch)), summary
    again = client.call("IngestService", "IngestInteractions", interactions=records[:500]).summary
    assert (again.accepted, again.duplicate) == (0, 500), again
    print(f"ingested {len(records)} interactions, a second time all duplicates")

    started = client.call("SegmentationService", "CreateSegmentation", activate=True, parameters={"seed": 1}).segmentation
    for change in client.call("SegmentationService", "WatchSegmentation", segmentation_id=started.segmentation_id):
        last = change.segmentation
    succeeded = last.progress.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_name["RUN_STATE_SUCCEEDED"].number
    assert last.progress.state == succeeded, last.progress
    print(f"segmented {last.report.customers} customers into {last.report.k} personas")

    personas = client.call("PersonaService", "ListPersonas").personas
    assert sum(persona.customers for persona in personas) == 400, personas
    for persona in personas:
        print(f"  {persona.customers:5} {persona.name}: {persona.description}")

    try:
        client.call("CustomerService", "GetCustomer", customer_id="nobody")
        raise AssertionError("GetCustomer of nobody is not refused")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    print("python: all well")


if __name__ == "__main__":
    main(sys.argv[1])
