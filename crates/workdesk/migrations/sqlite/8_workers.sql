-- Which process is taking a step, and until when it is believed to be at work unless it is heard of again.
ALTER TABLE run ADD COLUMN worker TEXT;
ALTER TABLE run ADD COLUMN alive_until BIGINT;
