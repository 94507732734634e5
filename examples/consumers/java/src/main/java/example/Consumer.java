package example;

import com.google.protobuf.InvalidProtocolBufferException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Prints every public event once. KAFKA names the broker, GROUP the consumer group. */
public final class Consumer {

    private Consumer() {
    }

    public static void main(String[] arguments) {
        CountDownLatch closed = new CountDownLatch(1);
        try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(settings())) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(consumer, closed)));
            consume(consumer);
        } catch (WakeupException stopped) {
            // SIGINT or SIGTERM.
        } finally {
            closed.countDown();
        }
    }

    private static Map<String, Object> settings() {
        Map<String, String> environment = System.getenv();
        return Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, environment.getOrDefault("KAFKA", "127.0.0.1:19092"),
                ConsumerConfig.GROUP_ID_CONFIG, environment.getOrDefault("GROUP", "example-java"),
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false,
                ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class,
                ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    }

    private static void consume(KafkaConsumer<String, byte[]> consumer) {
        Seen seen = new Seen();
        consumer.subscribe(Event.TOPICS.keySet());
        while (true) {
            ConsumerRecords<String, byte[]> records = consumer.poll(Duration.ofSeconds(1));
            records.forEach(record -> handle(record, seen));
            if (!records.isEmpty()) {
                commit(consumer);
            }
        }
    }

    private static void handle(ConsumerRecord<String, byte[]> record, Seen seen) {
        try {
            Event event = Event.decode(record.topic(), record.value());
            if (seen.isNew(event.id())) {
                System.out.println(event);
            }
        } catch (InvalidProtocolBufferException broken) {
            System.err.printf("%s[%d] at %d is left out: %s%n",
                    record.topic(), record.partition(), record.offset(), broken.getMessage());
        }
    }

    private static void commit(KafkaConsumer<String, byte[]> consumer) {
        try {
            consumer.commitSync();
        } catch (CommitFailedException taken) {
            System.err.println("what was read will come again: " + taken.getMessage());
        }
    }

    private static void stop(KafkaConsumer<String, byte[]> consumer, CountDownLatch closed) {
        consumer.wakeup();
        try {
            closed.await();
        } catch (InterruptedException impatient) {
            Thread.currentThread().interrupt();
        }
    }
}
