"""The embedded Apache Kafka: keeps what it acknowledged, stands beside others, and takes faults on call."""

import signal
import socket
import subprocess
import sys

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaTimeoutError

from anken.children import ServerFailed
from anken.kafka import KafkaCluster

pytestmark = pytest.mark.slow


def create(cluster, topic):
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    admin.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=-1)])
    admin.close()


def produce(cluster, topic, *values):
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, reconnect_backoff_max_ms=500)
    for value in values:
        producer.send(topic, value).get(30)
    producer.close()


def read(cluster, topic):
    consumer = KafkaConsumer(bootstrap_servers=cluster.bootstrap, enable_auto_commit=False)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    (end,) = consumer.end_offsets([partition]).values()
    values = []
    while len(values) < end:
        values += [record.value for records in consumer.poll(500).values() for record in records]
    consumer.close()
    return values


def brokers(cluster):
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    described = admin.describe_cluster()
    admin.close()
    return described


def test_what_was_acknowledged_is_there_after_a_restart(tmp_path):
    with KafkaCluster(tmp_path / "kafka") as cluster:
        create(cluster, "facts")
        produce(cluster, "facts", b"one", b"two")
        before, known = cluster.bootstrap, brokers(cluster)["cluster_id"]
    with KafkaCluster(tmp_path / "kafka") as cluster:
        assert cluster.bootstrap == before
        assert brokers(cluster)["cluster_id"] == known
        produce(cluster, "facts", b"three")
        assert read(cluster, "facts") == [b"one", b"two", b"three"]


def test_no_topic_comes_into_being_by_itself(tmp_path):
    with KafkaCluster(tmp_path / "kafka") as cluster:
        producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, max_block_ms=500)
        with pytest.raises(KafkaTimeoutError):
            producer.send("misspelt", b"one")
        producer.close()


def test_a_taken_port_is_exchanged_and_the_data_stays(tmp_path):
    with KafkaCluster(tmp_path / "kafka") as cluster:
        create(cluster, "facts")
        produce(cluster, "facts", b"one")
        taken = cluster.bootstrap
    with socket.create_server(("127.0.0.1", int(taken.rpartition(":")[2]))), KafkaCluster(tmp_path / "kafka") as cluster:
        assert cluster.bootstrap != taken
        assert read(cluster, "facts") == [b"one"]


def test_a_folder_keeps_its_number_of_nodes(tmp_path):
    (tmp_path / "cluster.json").write_text('{"cluster": "x", "ports": [[1, 2], [3, 4], [5, 6]]}')
    with pytest.raises(ValueError, match="holds a cluster of 3 nodes, not 1"):
        KafkaCluster(tmp_path).start()


def test_a_node_that_ends_by_itself_is_told(tmp_path):
    cluster = KafkaCluster(tmp_path / "kafka")
    cluster.start()
    (tmp_path / "kafka" / "node1" / "data" / "meta.properties").write_text("version=nonsense\n")
    with pytest.raises(ServerFailed, match="Kafka node 1 ended with code"):
        cluster.wait_ready()
    cluster.stop()


def test_two_clusters_do_not_meet(tmp_path):
    with KafkaCluster(tmp_path / "here") as here, KafkaCluster(tmp_path / "there") as there:
        create(here, "facts")
        produce(here, "facts", b"mine")
        create(there, "facts")
        assert read(there, "facts") == []
        assert read(here, "facts") == [b"mine"]
        assert brokers(here)["cluster_id"] != brokers(there)["cluster_id"]


def test_three_nodes_lose_one_and_take_it_back(tmp_path):
    with KafkaCluster(tmp_path / "kafka", 3, fast_failover=True) as cluster:
        create(cluster, "facts")
        produce(cluster, "facts", b"one")
        cluster.kill(0)
        produce(cluster, "facts", b"two")
        cluster.restart(0)
        cluster.wait_ready()
        assert {broker["broker_id"] for broker in brokers(cluster)["brokers"]} == {1, 2, 3}
        assert read(cluster, "facts") == [b"one", b"two"]


def test_a_paused_node_answers_nothing_until_resumed(tmp_path):
    with KafkaCluster(tmp_path / "kafka") as cluster:
        create(cluster, "facts")
        producer = KafkaProducer(bootstrap_servers=cluster.bootstrap)
        producer.send("facts", b"one").get(30)
        cluster.pause(0)
        late = producer.send("facts", b"two")
        with pytest.raises(KafkaTimeoutError):
            late.get(2)
        cluster.resume(0)
        late.get(60)
        producer.close()
        assert read(cluster, "facts") == [b"one", b"two"]


def test_the_command_prints_its_address_and_stops_cleanly_when_asked(tmp_path):
    run = f"from pathlib import Path; from anken.kafka import run_kafka; run_kafka(1, Path({str(tmp_path)!r}))"
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as process:
        bootstrap = process.stdout.readline().strip()
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        assert len(admin.describe_cluster()["brokers"]) == 1
        admin.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert (tmp_path / "node1" / "data" / ".kafka_cleanshutdown").exists()
