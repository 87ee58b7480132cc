import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** A producer agent whose heap tells a story. Arguments: moving | leaking, and kilobytes a second.
 *  moving:  a cache of a third of the heap turns over, so the old generation fills and is collected, again and again.
 *  leaking: nothing is ever let go; when the heap is full every allocation fails after full collections that free nothing.
 *  The process then lives on and tries again once a minute, so that it costs next to no CPU. */
public final class Agent {
  private static final int CHUNK = 16 << 10;
  private static final int PIECE = 64;                // small objects, so that a full collection takes tens of milliseconds
  private static final int TICKS_PER_SECOND = 5;
  private static final int FAILURES_AT_FIRST = 20;    // each is one or two full collections in a row
  private static final int FAILURES_LATER = 6;
  private static final long REST_MILLIS = 60_000;

  private static final List<Object> kept = new ArrayList<>(1 << 16);   // never grows while the heap is full

  public static void main(String[] arguments) throws InterruptedException {
    int chunksPerTick = Math.max(1, Integer.parseInt(arguments[1]) * 1024 / CHUNK / TICKS_PER_SECOND);
    if (arguments[0].equals("leaking")) {
      leak(chunksPerTick);
    } else {
      move(chunksPerTick);
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

  private static void leak(int chunksPerTick) throws InterruptedException {
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
          Thread.sleep(REST_MILLIS);
        }
      }
    }
  }

  /** About CHUNK bytes, headers included. */
  private static Object chunk() {
    byte[][] pieces = new byte[CHUNK / (PIECE + 20)][];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = new byte[PIECE];
    }
    return pieces;
  }
}
