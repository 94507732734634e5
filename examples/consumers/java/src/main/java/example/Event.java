package example;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import com.google.protobuf.Timestamp;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import vai.events.v1.Events.ActionAwaitingApproval;
import vai.events.v1.Events.ActionCancelled;
import vai.events.v1.Events.ActionCompleted;
import vai.events.v1.Events.ActionData;
import vai.events.v1.Events.ActionFailed;
import vai.events.v1.Events.ActionRejected;
import vai.events.v1.Events.ActionStarted;
import vai.events.v1.Events.AutomationCancelled;
import vai.events.v1.Events.AutomationCompleted;
import vai.events.v1.Events.AutomationData;
import vai.events.v1.Events.AutomationFailed;
import vai.events.v1.Events.AutomationStarted;
import vai.events.v1.Events.ConnectionData;
import vai.events.v1.Events.ConnectionDataAvailable;
import vai.events.v1.Events.ConnectionError;
import vai.events.v1.Events.ConnectionFault;

/** What all events have in common, whatever their message. */
record Event(String topic, String id, Instant occurredAt, Message data) {

    /** Each public topic and the message on it. */
    static final Map<String, Parser<? extends Message>> TOPICS = Map.ofEntries(
            Map.entry("action.started", ActionStarted.parser()),
            Map.entry("action.completed", ActionCompleted.parser()),
            Map.entry("action.failed", ActionFailed.parser()),
            Map.entry("action.cancelled", ActionCancelled.parser()),
            Map.entry("action.rejected", ActionRejected.parser()),
            Map.entry("action.awaiting_approval", ActionAwaitingApproval.parser()),
            Map.entry("automation.started", AutomationStarted.parser()),
            Map.entry("automation.completed", AutomationCompleted.parser()),
            Map.entry("automation.failed", AutomationFailed.parser()),
            Map.entry("automation.cancelled", AutomationCancelled.parser()),
            Map.entry("connection.data_available", ConnectionDataAvailable.parser()),
            Map.entry("connection.error", ConnectionError.parser()));

    static Event decode(String topic, byte[] value) throws InvalidProtocolBufferException {
        Message message = TOPICS.get(topic).parseFrom(value);
        Timestamp at = (Timestamp) field(message, "occurred_at");
        Instant occurredAt = Instant.ofEpochSecond(at.getSeconds(), at.getNanos());
        return new Event(topic, (String) field(message, "id"), occurredAt, (Message) field(message, "data"));
    }

    private static Object field(Message message, String name) {
        return message.getField(message.getDescriptorForType().findFieldByName(name));
    }

    @Override
    public String toString() {
        return "%s %s %s %s".formatted(occurredAt, topic, id, what());
    }

    private String what() {
        if (data instanceof ActionData run) {
            String what = word(run.getActionKind(), "ACTION_KIND_") + " " + word(run.getStatus(), "RUN_STATUS_");
            return run.hasError() ? what + ": " + run.getError().getMessage() : what;
        }
        if (data instanceof AutomationData run) {
            String what = run.getSlug() + " " + word(run.getStatus(), "AUTOMATION_RUN_STATUS_");
            return run.hasError() ? what + ": " + run.getError().getMessage() : what;
        }
        if (data instanceof ConnectionData load) {
            return load.getSource() + " " + String.join(" ", load.getTablesList());
        }
        if (data instanceof ConnectionFault fault) {
            return fault.getSource() + ": " + fault.getError().getMessage();
        }
        return "";
    }

    /** A value that is newer than these contracts is `unrecognized`. */
    private static String word(Enum<?> value, String prefix) {
        String name = value.name();
        return (name.startsWith(prefix) ? name.substring(prefix.length()) : name).toLowerCase(Locale.ROOT);
    }
}
