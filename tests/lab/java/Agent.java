import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A producer agent whose heap tells a story. Arguments: the story, kilobytes a second, and seconds of rest after what costs a processor.
 *  moving:    a cache of a third of the heap turns over, so the old generation fills and is collected, again and again.
 *  plateau:   most of the old generation is kept for good reasons, and turns over slowly: high, and healthy.
 *  leaking:   nothing is ever let go; when the heap is full every allocation fails after full collections that free nothing.
 *             The process then lives on and tries again after its rest.
 *  thrashing: a cache that is nearly the old generation turns over as fast as it can: each full collection frees something, and little but
 *             collections gets done. For 15 seconds, then it rests; without a rest for ever. */
public final class Agent {
  private static final int CHUNK = 16 << 10;
  private static final int PIECE = 64;                // small objects, so that a full collection takes tens of milliseconds
  private static final int TICKS_PER_SECOND = 5;
  private static final int FAILURES_AT_FIRST = 20;    // each is one or two full collections in a row
  private static final int FAILURES_LATER = 6;
  private static final double HIGH = 0.80;            // of the old generation, to which the JVM's own objects add
  private static final double TOO_HIGH = 0.68;        // with what survives a young collection on top there is no room left
  private static final long BURST_NANOS = 15_000_000_000L;

  private static final List<Object> kept = new ArrayList<>(1 << 16);   // never grows while the heap is full

  public static void main(String[] arguments) throws InterruptedException {
    int chunksPerTick = Math.max(1, Integer.parseInt(arguments[1]) * 1024 / CHUNK / TICKS_PER_SECOND);
    long restMillis = 1000L * Integer.parseInt(arguments[2]);
    switch (arguments[0]) {
      case "moving" -> move(chunksPerTick);
      case "plateau" -> stayHigh(chunksPerTick);
      case "leaking" -> leak(chunksPerTick, restMillis);
      case "thrashing" -> thrash(restMillis);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static void move(int chunksPerTick) throws InterruptedException {
    ArrayDeque<Object> cache = new ArrayDeque<>();
    long capacity = Runtime.getRuntime().maxMemory() / 3 / CHUNK;
    while (true) {
      for (int i = 0; i < chunksPerTick; i++) {
        cache.add(chunk());
        if (cache.size() > capacity) {
          cache.poll();
        }
      }
      Thread.sleep(1000 / TICKS_PER_SECOND);
    }
  }

  private static void stayHigh(int chunksPerTick) throws InterruptedException {
    fill(HIGH);
    System.gc();                                      // so that what is kept is old, as it would be after some hours
    Random random = new Random(7);
    while (true) {
      for (int i = 0; i < chunksPerTick; i++) {
        kept.set(random.nextInt(kept.size()), chunk());
      }
      Thread.sleep(1000 / TICKS_PER_SECOND);
    }
  }

  private static void leak(int chunksPerTick, long restMillis) throws InterruptedException {
    int failures = 0;
    int allowed = FAILURES_AT_FIRST;
    while (true) {
      try {
        for (int i = 0; i < chunksPerTick; i++) {
          kept.add(chunk());
        }
        Thread.sleep(1000 / TICKS_PER_SECOND);
      } catch (OutOfMemoryError full) {
        if (++failures % allowed == 0) {
          failures = 0;
          allowed = FAILURES_LATER;
          Thread.sleep(restMillis);
        }
      }
    }
  }

  private static void thrash(long restMillis) throws InterruptedException {
    fill(TOO_HIGH);
    Random random = new Random(7);
    while (true) {
      long end = System.nanoTime() + BURST_NANOS;
      while (System.nanoTime() < end) {
        kept.set(random.nextInt(kept.size()), chunk());
      }
      Thread.sleep(restMillis);
    }
  }

  private static void fill(double share) {
    for (long bytes = 0; bytes < share * Memory.oldGeneration(); bytes += CHUNK) {
      kept.add(chunk());
    }
  }

  private static Object chunk() {
    return Memory.chunk(CHUNK, PIECE);
  }
}
