import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.broker.region.policy.ConstantPendingMessageLimitStrategy;
import org.apache.activemq.broker.region.policy.PolicyEntry;
import org.apache.activemq.broker.region.policy.PolicyMap;
import org.apache.activemq.network.NetworkConnector;
import org.apache.activemq.plugin.StatisticsBrokerPlugin;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.SimpleAuthenticationPlugin;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/** The messaging side, the same for both generations: OldBroker and HardenedBroker add their HTTP side.
 *  Options are system properties lab.*:
 *    store=true         keeps messages over a restart
 *    login=true         asks for a password, over STOMP and openwire
 *    statistics=true    has the statistics plugin
 *    scheduler=true     delivers messages later, with a store of its own where messages are kept
 *    memory_mb=N        so much memory for messages; a queue may be larger: what does not fit is only in the store (or too much, without one)
 *    openwire=PORT      a second connector, for other brokers
 *    network=HOST:PORT  forwards messages to the broker with that openwire connector, where somebody waits for them
 *    duplex=true        and the same the other way round */
final class Broker {
  private static final long MEGABYTE = 1L << 20;
  private static final int MEMORY_MB = Integer.getInteger("lab.memory_mb", 0);

  static BrokerService start() throws Exception {
    BrokerService broker = new BrokerService();
    broker.setBrokerName("localhost");
    broker.setDataDirectory(System.getProperty("lab.directory"));
    broker.getManagementContext().setCreateConnector(false);
    broker.setUseShutdownHook(true);
    broker.setPersistent(Boolean.getBoolean("lab.store"));
    if (broker.isPersistent()) {
      KahaDBPersistenceAdapter store = new KahaDBPersistenceAdapter();
      store.setDirectory(new File(System.getProperty("lab.directory"), "kahadb"));
      store.setJournalMaxFileLength((int) (4 * MEGABYTE));
      store.setJournalDiskSyncStrategy("never");   // a killed process is what tests play, not a power cut
      broker.setPersistenceAdapter(store);
    }
    broker.setPlugins(plugins());
    broker.setDestinationPolicy(policies());
    if (MEMORY_MB > 0) {
      broker.getSystemUsage().getMemoryUsage().setLimit(MEMORY_MB * MEGABYTE);
    } else {
      broker.getSystemUsage().getMemoryUsage().setPercentOfJvmHeap(70);
    }
    if (Boolean.getBoolean("lab.scheduler")) {
      broker.setSchedulerSupport(true);
      broker.setSchedulerDirectoryFile(new File(System.getProperty("lab.directory"), "scheduler"));
    }
    broker.getSystemUsage().getStoreUsage().setLimit(512 * MEGABYTE);
    broker.getSystemUsage().getTempUsage().setLimit(512 * MEGABYTE);
    broker.addConnector("stomp://127.0.0.1:" + Integer.getInteger("lab.stomp") + "?maximumConnections=1000").setName("stomp");
    if (Integer.getInteger("lab.openwire") != null) {
      broker.addConnector("tcp://127.0.0.1:" + Integer.getInteger("lab.openwire")).setName("openwire");
    }
    if (System.getProperty("lab.network") != null) {
      NetworkConnector network = broker.addNetworkConnector("static:(tcp://" + System.getProperty("lab.network") + ")");
      network.setName("lab");
      network.setUserName("admin");
      network.setPassword("admin");
      network.setDuplex(Boolean.getBoolean("lab.duplex"));
    }
    broker.start();
    broker.waitUntilStarted();
    return broker;
  }

  private static BrokerPlugin[] plugins() {
    List<BrokerPlugin> plugins = new ArrayList<>();
    if (Boolean.getBoolean("lab.login")) {
      plugins.add(new SimpleAuthenticationPlugin(List.of(
          new AuthenticationUser("admin", "admin", "admins"), new AuthenticationUser("user", "user", "users"))));
    }
    if (Boolean.getBoolean("lab.statistics")) {
      plugins.add(new StatisticsBrokerPlugin());
    }
    return plugins.toArray(new BrokerPlugin[0]);
  }

  private static PolicyMap policies() {
    ConstantPendingMessageLimitStrategy slow = new ConstantPendingMessageLimitStrategy();
    slow.setLimit(1000);
    PolicyEntry topics = new PolicyEntry();
    topics.setTopic(">");
    topics.setPendingMessageLimitStrategy(slow);
    List<PolicyEntry> entries = new ArrayList<>(List.of(topics));
    if (MEMORY_MB > 0) {
      PolicyEntry queues = new PolicyEntry();
      queues.setQueue(">");
      queues.setProducerFlowControl(false);   // nobody has to wait until there is room
      entries.add(queues);
    }
    PolicyMap map = new PolicyMap();
    map.setPolicyEntries(entries);
    return map;
  }
}
