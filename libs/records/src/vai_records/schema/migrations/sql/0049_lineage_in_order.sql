-- The events of a run leave in their order: one that waits behind another of its run is found by the run.
CREATE INDEX lineage_news_of_run ON lineage_news (subject_id, id);
