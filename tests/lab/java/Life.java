import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A process whose reachable memory goes a known way for an hour, with garbage of short and of middle age beside it, as a busy service makes it.
 *  Arguments: the life, and how many seconds of it pass in one (1: an hour takes an hour).
 *  Every ten seconds: "<seconds> <megabytes that are reachable on purpose>" on standard output, and "full" each time that no memory
 *  could be had. */
public final class Life {
  private static final int CHUNK = 8 << 10;
  private static final int PIECE = 128;
  private static final int TICKS_PER_SECOND = 5;
  private static final int CHURN_PER_SECOND = 2 << 20;   // bytes, of which a quarter lives for MIDDLE_S
  private static final double MIDDLE_S = 40;
  private static final double MINUTE = 60;
  private static final Random chance = new Random(7);

  private static final List<Object> kept = new ArrayList<Object>(1 << 17);
  private static final ArrayDeque<Object> middle = new ArrayDeque<Object>(1 << 14);

  public static void main(String[] arguments) throws InterruptedException {
    String life = arguments[0];
    double speed = Double.parseDouble(arguments[1]);
    long capacity = Memory.oldGeneration() / CHUNK;
    long began = System.nanoTime();
    for (long tick = 0; ; tick++) {
      double at = (System.nanoTime() - began) / 1e9 * speed;
      boolean isWorking = !life.equals("idle") || at < 5 * MINUTE;
      try {
        keep((int) (share(life, at) * capacity));
        if (isWorking) {
          churn((int) (CHURN_PER_SECOND * speed / TICKS_PER_SECOND / CHUNK), (int) (CHURN_PER_SECOND / 4 * MIDDLE_S / CHUNK));
        }
        if (life.equals("asked") && tick % (20 * TICKS_PER_SECOND) == 0) {
          System.gc();
        }
        if (tick % (10 * TICKS_PER_SECOND) == 0) {
          System.out.println((int) at + " " + (kept.size() * (long) CHUNK >> 20));
        }
      } catch (OutOfMemoryError full) {
        System.out.println("full");
      }
      Thread.sleep(1000 / TICKS_PER_SECOND);
    }
  }

  /** Of the old generation, or of the heap where that is one. */
  private static double share(String life, double at) {
    switch (life) {
      case "leak":
        return 0.15 + 0.85 * at / (60 * MINUTE);
      case "latent":
        return 0.30 + 0.70 * Math.max(0, at - 15 * MINUTE) / (45 * MINUTE);
      case "cache":
        return 0.55 - 0.45 * Math.exp(-at / (8 * MINUTE));
      case "waves":
        return 0.20 + 0.35 * (0.5 - 0.5 * Math.cos(2 * Math.PI * at / (9 * MINUTE)));
      case "batches":
        return at % (8 * MINUTE) < 6 * MINUTE ? 0.15 + 0.40 * (at % (8 * MINUTE)) / (6 * MINUTE) : 0.15;
      case "steady":
        return 0.55;
      case "idle":
        return 0.30;
      case "asked":
        return 0.50;
      default:
        throw new IllegalArgumentException(life);
    }
  }

  private static void keep(int chunks) {
    while (kept.size() < chunks) {
      kept.add(chunk());
    }
    while (kept.size() > chunks) {
      int place = chance.nextInt(kept.size());
      kept.set(place, kept.get(kept.size() - 1));
      kept.remove(kept.size() - 1);
    }
  }

  private static void churn(int chunks, int most) {
    for (int i = 0; i < chunks; i++) {
      Object one = chunk();
      if (i % 4 == 0) {
        middle.add(one);
      }
    }
    while (middle.size() > most) {
      middle.poll();
    }
    if (!kept.isEmpty()) {
      kept.set(chance.nextInt(kept.size()), chunk());    // what is kept turns over slowly
    }
  }

  private static Object chunk() {
    return Memory.chunk(CHUNK, PIECE);
  }
}
