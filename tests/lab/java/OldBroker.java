import org.apache.activemq.broker.BrokerService;
import org.eclipse.jetty.security.ConstraintMapping;
import org.eclipse.jetty.security.ConstraintSecurityHandler;
import org.eclipse.jetty.security.HashLoginService;
import org.eclipse.jetty.security.UserStore;
import org.eclipse.jetty.security.authentication.BasicAuthenticator;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;
import org.eclipse.jetty.util.security.Constraint;
import org.eclipse.jetty.util.security.Credential;
import org.jolokia.http.AgentServlet;

/** ActiveMQ Classic 5.18 with the HTTP side of that line: Jetty 9, Jolokia 1.7, every login may do everything. */
public final class OldBroker {
  public static void main(String[] arguments) throws Exception {
    BrokerService broker = Broker.start();
    Server server = new Server();
    ServerConnector http = new ServerConnector(server, 1, 1);
    http.setHost("127.0.0.1");
    http.setPort(Integer.getInteger("lab.http"));
    server.addConnector(http);
    server.setHandler(jolokia());
    server.start();
    broker.waitUntilStopped();
    System.exit(0);
  }

  private static ServletContextHandler jolokia() {
    ServletHolder agent = new ServletHolder(new AgentServlet());
    agent.setInitParameter("policyLocation", "file:" + System.getProperty("lab.policy"));
    agent.setInitParameter("allowErrorDetails", "false");
    agent.setInitOrder(0);
    ServletContextHandler api = new ServletContextHandler(null, "/api", ServletContextHandler.SECURITY);
    api.addServlet(agent, "/jolokia/*");
    protect((ConstraintSecurityHandler) api.getSecurityHandler());
    return api;
  }

  private static void protect(ConstraintSecurityHandler security) {
    UserStore users = new UserStore();
    users.addUser("admin", Credential.getCredential("admin"), new String[] {"admin"});
    users.addUser("user", Credential.getCredential("user"), new String[] {"user"});
    HashLoginService login = new HashLoginService("ActiveMQRealm");
    login.setUserStore(users);
    Constraint anyLogin = new Constraint(Constraint.__BASIC_AUTH, Constraint.ANY_AUTH);
    anyLogin.setAuthenticate(true);
    ConstraintMapping everywhere = new ConstraintMapping();
    everywhere.setPathSpec("/*");
    everywhere.setConstraint(anyLogin);
    security.setAuthenticator(new BasicAuthenticator());
    security.setLoginService(login);
    security.addConstraintMapping(everywhere);
  }
}
