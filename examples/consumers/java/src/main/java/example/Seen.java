package example;

import java.util.LinkedHashMap;
import java.util.Map;

/** The ids of the last events. A consumer with a database keeps them there, in the transaction of its work. */
final class Seen {

    private static final int REMEMBERED = 100_000;

    private final Map<String, Boolean> ids = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > REMEMBERED;
        }
    };

    boolean isNew(String id) {
        return ids.putIfAbsent(id, true) == null;
    }
}
